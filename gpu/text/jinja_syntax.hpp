// A template as a tree.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

struct Expression;
using ExpressionRef = std::unique_ptr<Expression>;

struct Arguments {
  std::vector<ExpressionRef> positional;
  std::vector<std::pair<std::string, ExpressionRef>> named;
  ExpressionRef all_positional, all_named;  // *x and **x
};

enum class ExpressionKind {
  constant,
  name,       // symbol
  list,       // parts
  tuple,      // parts
  dict,       // parts: key, value, key, value …
  attribute,  // parts[0] . text
  item,       // parts[0] [ parts[1] ]
  slice,      // parts: start, stop, step; each may be null
  call,       // parts[0] ( arguments )
  filter,     // parts[0] | text ( arguments )
  test,       // parts[0] is text ( arguments )
  captured,   // what a {% filter %} or {% set %} block has rendered
  negative,
  positive,
  logical_not,
  logical_and,
  logical_or,
  binary,       // parts[0] text parts[1]
  concatenate,  // parts
  compare,      // parts[0] operators[0] parts[1] operators[1] parts[2] …
  condition,    // parts[0] if parts[1] else parts[2], which may be null
};

struct Expression {
  ExpressionKind kind;
  int line;
  unsigned depth = 1;
  Value constant;
  std::string text;
  std::size_t symbol = 0;
  std::vector<ExpressionRef> parts;
  std::vector<std::string> operators;
  Arguments arguments;
};

// What is assigned to: a name, a namespace's member or several of them.
struct Target {
  enum class Kind { name, member, several } kind = Kind::name;
  std::size_t symbol = 0;
  std::string member;
  std::vector<Target> parts;
};

struct Statement;
using Block = std::vector<Statement>;

struct Parameter {
  std::size_t symbol;
  std::string name;
  ExpressionRef otherwise;  // may be null
};

struct MacroSyntax {
  std::string name;
  std::size_t symbol = 0;
  std::vector<Parameter> parameters;
  bool takes_more_positional = false, takes_more_named = false;  // the body looks at varargs, kwargs
  bool looks_at_caller = false;
};

struct Branch {
  ExpressionRef test;  // null: else
  Block body;
};

enum class StatementKind {
  data,        // text
  print,       // value
  set,         // target = value
  set_block,   // target = body, through value (null: no filters)
  loop,        // for target in value if test: body, else otherwise
  branch,      // branches
  macro,       // macro, body
  call_block,  // value is the call; its caller is macro, body
  filter_block,  // body through value
  with,        // assignments, body
  generation,  // body
  break_loop,
  continue_loop,
};

struct Statement {
  StatementKind kind;
  int line;
  std::string text;
  ExpressionRef value, test;
  Target target;
  Block body, otherwise;
  std::vector<Branch> branches;
  std::vector<std::pair<Target, ExpressionRef>> assignments;
  std::unique_ptr<MacroSyntax> macro;
  bool recursive = false;  // a loop whose body may call it for further elements
};

struct Program {
  std::vector<std::string> symbols;  // names of variables; a symbol is an index into it
  Block body;
  bool marks_generated = false;  // it has {% generation %} blocks
};

}  // namespace luthier::text::jinja

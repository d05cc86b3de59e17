// Runs a template: a walk through its tree, with scopes, macros and the functions that a template may call.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/text/jinja_loop.hpp"
#include "gpu/text/jinja_syntax.hpp"
#include "gpu/text/jinja_value.hpp"

namespace luthier::text::jinja {

struct Output {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> generated;
};

// Lives for one rendering.
class Machine {
 public:
  // `variables` is a dictionary. All three outlive the machine.
  Machine(const Program& program, const Value& variables, Budget& budget);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  Output run();     // throws Failure
  int line() const { return line_; }  // where it is, or has failed

  Budget& budget() { return budget_; }
  Value call(const Value& function, const Call& call);
  Value filter(const std::string& name, const Value& input, const Call& call);
  bool test(const std::string& name, const Value& value, const Call& call);
  Value attribute(const Value& value, const std::string& name);  // value.name
  Value item(const Value& value, const Value& key);              // value[key]
  Value new_namespace(const Call& call);
  const Value* variable(std::string_view name) const;  // of those that the caller gave

 private:
  // The variables of a loop's turn, a macro's call …; the outermost one is the template's.
  struct Scope {
    std::shared_ptr<Scope> outer;
    std::vector<std::pair<std::size_t, Value>> values;
    void set(std::size_t symbol, Value value);
  };
  using ScopeRef = std::shared_ptr<Scope>;
  // Belongs to the machine, not to its value: the scope that it remembers usually holds the macro itself.
  struct Macro {
    const MacroSyntax* syntax;
    const Block* body;
    ScopeRef scope;
  };
  class Level;
  enum class Flow { next, break_loop, continue_loop };

  ScopeRef inside(const ScopeRef& scope) { return std::make_shared<Scope>(Scope{scope, {}}); }
  Value global(const std::string& name) const;
  const Value& look_up(std::size_t symbol, const Scope* scope) const;

  Flow run(const Block& block, const ScopeRef& scope);
  Flow run(const Statement& statement, const ScopeRef& scope);
  void write(std::string_view text);
  void write_block(const Value& value);
  std::string capture(const Block& block, const ScopeRef& scope);
  Value filtered(const ExpressionRef& filters, std::string text, const ScopeRef& scope);
  void assign(const Target& target, Value value, const ScopeRef& scope);
  void assign_several(const Target& target, const Value& value, const ScopeRef& scope);
  Value assembled(const Target& target, const Scope& scope);
  Flow run_loop(const Statement& statement, const ScopeRef& scope, const Value& source, std::int64_t depth);
  std::string run_recursive(const Statement& statement, const ScopeRef& scope, const Value& source, std::int64_t depth);
  Flow run_branches(const Statement& statement, const ScopeRef& scope);
  void run_call_block(const Statement& statement, const ScopeRef& scope);
  Flow run_with(const Statement& statement, const ScopeRef& scope);
  void run_generation(const Statement& statement, const ScopeRef& scope);
  Value define(const Statement& statement, const ScopeRef& scope);
  Value run_macro(const Macro& macro, const Call& call);
  void bind(const Macro& macro, const Call& call, const ScopeRef& scope);

  Value evaluate(const Expression& expression, const ScopeRef& scope);
  Value evaluate_kind(const Expression& expression, const ScopeRef& scope);
  Value evaluate_dict(const Expression& expression, const ScopeRef& scope);
  Value evaluate_item(const Expression& expression, const ScopeRef& scope);
  bool evaluate_compare(const Expression& expression, const ScopeRef& scope);
  Value concatenate(const Expression& expression, const ScopeRef& scope);
  std::vector<Value> evaluate_all(const std::vector<ExpressionRef>& expressions, const ScopeRef& scope);
  Call evaluate(const Arguments& arguments, const ScopeRef& scope);

  const Program& program_;
  const Value& variables_;
  Budget& budget_;
  std::vector<Value> globals_;  // by symbol: what a name means that no scope knows
  std::deque<Namespace> namespaces_;
  std::deque<Loop> loops_;
  std::deque<Macro> macros_;
  std::size_t caller_ = 0, varargs_ = 0, kwargs_ = 0, loop_ = 0;  // symbols, or npos
  std::string root_;
  std::string* out_ = &root_;
  std::vector<std::pair<std::size_t, std::size_t>> generated_;
  Value captured_;
  unsigned level_ = 0;
  int line_ = 1;
};

// A method of a text, list, dictionary or loop; none: the value has no such attribute.
std::optional<Value> method(const Value& value, std::string_view name);
// range, dict, namespace, raise_exception, strftime_now.
std::optional<Value> builtin_function(std::string_view name);

using FilterFunction = Value (*)(Machine&, const Value& input, const Call& call);
using TestFunction = bool (*)(Machine&, const Value& value, const Call& call);
// Null when there is none of that name.
FilterFunction find_filter(std::string_view name);
TestFunction find_test(std::string_view name);

}  // namespace luthier::text::jinja

#include "gpu/text/jinja_parser.hpp"

#include <algorithm>
#include <initializer_list>

#include "gpu/text/jinja_expressions.hpp"

namespace luthier::text::jinja {
namespace {

class Parser : ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Program run() {
    Program program;
    program.body = statements({});
    refuse_unknown(0);
    program.symbols = std::move(symbols_);
    program.marks_generated = marks_generated_;
    return program;
  }

 private:
  // Up to one of `ends`, whose name is then the current token; or to the end of the template when `ends` is empty.
  Block statements(std::initializer_list<std::string_view> ends) {
    const Level level(*this);
    Block block;
    for (;;) {
      if (is(TokenKind::end)) {
        if (ends.size() > 0) fail("the template ends where '" + std::string(*(ends.end() - 1)) + "' should come");
        return block;
      }
      const Token begin = take();
      if (begin.kind == TokenKind::data) {
        block.push_back(made(StatementKind::data, begin.line));
        block.back().text = begin.text;
      } else if (begin.kind == TokenKind::output_begin) {
        block.push_back(made(StatementKind::print, begin.line));
        block.back().value = expressions();
        expect(TokenKind::output_end, "'}}'");
      } else {
        for (const auto end : ends)
          if (is_name(end)) return block;
        block.push_back(statement());
        expect(TokenKind::block_end, "'%}'");
      }
    }
  }

  // The body of a block whose opening tag has been read up to its end, and the closing tag's name.
  Block body(std::initializer_list<std::string_view> ends) {
    expect(TokenKind::block_end, "'%}'");
    return statements(ends);
  }
  Block whole_body(std::string_view end) {
    Block block = body({end});
    take();
    return block;
  }

  static Statement made(StatementKind kind, int line) {
    Statement statement{};
    statement.kind = kind;
    statement.line = line;
    return statement;
  }

  Statement statement() {
    const Level level(*this);
    const Token tag = expect(TokenKind::name, "a tag's name");
    if (tag.text == "set") return set(tag.line);
    if (tag.text == "for") return loop(tag.line);
    if (tag.text == "if") return branch(tag.line);
    if (tag.text == "macro") return macro(tag.line);
    if (tag.text == "call") return call_block(tag.line);
    if (tag.text == "filter") return filter_block(tag.line);
    if (tag.text == "with") return with(tag.line);
    if (tag.text == "generation") return generation(tag.line);
    if (tag.text == "print") return print(tag.line);
    if (tag.text == "break" || tag.text == "continue") {
      if (loops_ == 0) fail("'" + tag.text + "' outside a loop");
      return made(tag.text == "break" ? StatementKind::break_loop : StatementKind::continue_loop, tag.line);
    }
    throw SyntaxFailure{"the tag '" + tag.text.substr(0, 60) + "' is not known here", tag.line};
  }

  Statement set(int line) {
    Statement result = made(StatementKind::set, line);
    result.target = target(true);
    refuse_loop_as_target(result.target);
    if (take_op("=")) {
      result.value = expressions();
      return result;
    }
    result.kind = StatementKind::set_block;
    const auto unknown_before = unknown_count();
    if (is_op("|")) result.value = filters_of_block(false);
    result.body = inner_body("endset");
    refuse_unknown(unknown_before);
    return result;
  }

  Statement loop(int line) {
    Statement result = made(StatementKind::loop, line);
    ++fors_;
    result.target = target(false);
    refuse_loop_as_target(result.target);
    if (!take_name("in")) fail_at_token("'in'");
    result.value = expressions(false);
    const auto unknown_before = unknown_count();
    if (take_name("if")) result.test = expression();
    result.recursive = take_name("recursive");
    ++loops_;
    result.body = body({"else", "endfor"});
    --loops_;
    if (take().text == "else") result.otherwise = whole_body("endfor");
    refuse_unknown(unknown_before);
    --fors_;
    return result;
  }

  Statement branch(int line) {
    Statement result = made(StatementKind::branch, line);
    const auto unknown_before = unknown_count();
    for (;;) {
      auto test = expressions(false);
      result.branches.push_back({std::move(test), body({"elif", "else", "endif"})});
      const bool again = is_name("elif"), otherwise = is_name("else");
      take();
      if (otherwise) result.branches.push_back({nullptr, whole_body("endif")});
      if (!again) break;
    }
    forgive_unknown(unknown_before);
    return result;
  }

  void signature(MacroSyntax& macro) {
    const auto unknown_before = unknown_count();
    expect_op("(");
    bool has_default = false;
    while (!is_op(")")) {
      if (!macro.parameters.empty()) expect_op(",");
      const std::string name = assignable_name("a parameter's name");
      ExpressionRef otherwise = take_op("=") ? expression() : nullptr;
      if (!otherwise && has_default) fail("non-default argument follows default argument");
      has_default = has_default || otherwise;
      macro.parameters.push_back({symbol(name), name, std::move(otherwise)});
    }
    expect_op(")");
    refuse_unknown(unknown_before);
  }

  Block macro_body(MacroSyntax& macro, std::string_view end) {
    const bool outer_varargs = std::exchange(saw_varargs_, false), outer_kwargs = std::exchange(saw_kwargs_, false);
    const bool outer_caller = std::exchange(saw_caller_, false);
    Block block = inner_body(end);
    macro.takes_more_positional = saw_varargs_;
    macro.takes_more_named = saw_kwargs_;
    const auto is_caller = [](const Parameter& each) { return each.name == "caller"; };
    const bool names_it = std::any_of(macro.parameters.begin(), macro.parameters.end(), is_caller);
    macro.looks_at_caller = saw_caller_ && !names_it;
    // A macro in a macro: what the inner one looks at, the outer one takes as well.
    saw_caller_ = saw_caller_ || outer_caller;
    saw_varargs_ = saw_varargs_ || outer_varargs;
    saw_kwargs_ = saw_kwargs_ || outer_kwargs;
    return block;
  }

  Statement macro(int line) {
    Statement result = made(StatementKind::macro, line);
    result.macro = std::make_unique<MacroSyntax>();
    result.macro->name = assignable_name("a macro's name");
    result.macro->symbol = symbol(result.macro->name);
    signature(*result.macro);
    result.body = macro_body(*result.macro, "endmacro");
    return result;
  }

  Statement call_block(int line) {
    Statement result = made(StatementKind::call_block, line);
    result.macro = std::make_unique<MacroSyntax>();
    result.macro->name = "caller";
    if (is_op("(")) signature(*result.macro);
    result.value = expression();
    if (result.value->kind != ExpressionKind::call) fail("expected a call");
    result.body = macro_body(*result.macro, "endcall");
    return result;
  }

  Statement filter_block(int line) {
    Statement result = made(StatementKind::filter_block, line);
    const auto unknown_before = unknown_count();
    result.value = filters_of_block(true);
    result.body = inner_body("endfilter");
    refuse_unknown(unknown_before);
    return result;
  }

  Statement with(int line) {
    Statement result = made(StatementKind::with, line);
    while (!is(TokenKind::block_end)) {
      if (!result.assignments.empty()) expect_op(",");
      Target name = target(false);
      expect_op("=");
      result.assignments.emplace_back(std::move(name), expression());
    }
    const auto unknown_before = unknown_count();
    result.body = whole_body("endwith");
    refuse_unknown(unknown_before);
    return result;
  }

  Statement generation(int line) {
    Statement result = made(StatementKind::generation, line);
    marks_generated_ = true;
    result.body = inner_body("endgeneration");
    return result;
  }

  Statement print(int line) {
    Statement result = made(StatementKind::print, line);
    result.value = expressions();
    return result;
  }

  // A block that is rendered on its own: `break` cannot leave it.
  Block inner_body(std::string_view end) {
    const auto unknown_before = unknown_count();
    const int outer = std::exchange(loops_, 0);
    Block block = whole_body(end);
    loops_ = outer;
    refuse_unknown(unknown_before);
    return block;
  }

  void refuse_loop_as_target(const Target& target) {
    if (fors_ > 0 && target.kind == Target::Kind::name && target.symbol == symbol("loop"))
      fail("Can't assign to special loop variable in a for-loop");
    for (const auto& part : target.parts) refuse_loop_as_target(part);
  }

  int loops_ = 0;  // those that `break` can leave from here
  int fors_ = 0;   // all around here
  bool marks_generated_ = false;
};

}  // namespace

Program parse(std::string_view source) { return Parser(tokens_of(source)).run(); }

}  // namespace luthier::text::jinja

#include "gpu/text/jinja_expressions.hpp"

#include <algorithm>

#include "gpu/text/jinja_machine.hpp"

namespace luthier::text::jinja {
namespace {

constexpr unsigned levels_max = 100;       // of nested brackets and blocks
constexpr unsigned expression_depth_max = 400;  // of the tree, which a + b + c … deepens as well

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::data: return "text";
    case TokenKind::output_begin: return "{{";
    case TokenKind::output_end: return "}}";
    case TokenKind::block_begin: return "{%";
    case TokenKind::block_end: return "%}";
    case TokenKind::end: return "the end of the template";
    case TokenKind::name:
    case TokenKind::integer:
    case TokenKind::real:
    case TokenKind::string:
    case TokenKind::op: break;
  }
  return "'" + token.text.substr(0, 60) + "'";
}

Budget& unbounded() {
  // What a source of bounded length can make is bounded as well.
  thread_local Budget budget(0, 0);
  budget = Budget(INT64_MAX, INT64_MAX);
  return budget;
}

template <class... Refs>
std::vector<ExpressionRef> parts_of(Refs... refs) {
  std::vector<ExpressionRef> parts;
  (parts.push_back(std::move(refs)), ...);
  return parts;
}

}  // namespace

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(parser) {
  if (++parser_.level_ <= levels_max) return;
  --parser_.level_;
  parser_.fail("the template is nested too deep");
}

bool ExpressionParser::take_op(std::string_view text) {
  if (!is_op(text)) return false;
  ++at_;
  return true;
}

bool ExpressionParser::take_name(std::string_view text) {
  if (!is_name(text)) return false;
  ++at_;
  return true;
}

void ExpressionParser::expect_op(std::string_view text) {
  if (!take_op(text)) fail_at_token("'" + std::string(text) + "'");
}

Token ExpressionParser::expect(TokenKind kind, std::string_view what) {
  if (!is(kind)) fail_at_token(what);
  return take();
}

void ExpressionParser::fail(std::string message) const { throw SyntaxFailure{std::move(message), current().line}; }

void ExpressionParser::fail_at_token(std::string_view expected) const {
  fail("expected " + std::string(expected) + ", found " + describe(current()));
}

std::size_t ExpressionParser::symbol(const std::string& name) {
  const auto [entry, is_new] = symbol_of_.try_emplace(name, symbols_.size());
  if (is_new) symbols_.push_back(name);
  return entry->second;
}

ExpressionRef ExpressionParser::measured(ExpressionRef expression) {
  unsigned deepest = 0;
  const auto see = [&](const ExpressionRef& part) { deepest = std::max(deepest, part ? part->depth : 0); };
  for (const auto& part : expression->parts) see(part);
  for (const auto& part : expression->arguments.positional) see(part);
  for (const auto& [name, part] : expression->arguments.named) see(part);
  see(expression->arguments.all_positional);
  see(expression->arguments.all_named);
  expression->depth = deepest + 1;
  if (expression->depth > expression_depth_max) fail("an expression is nested too deep");
  return expression;
}

ExpressionRef ExpressionParser::make(ExpressionKind kind, int line, std::vector<ExpressionRef> parts, std::string text) {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->line = line;
  made->parts = std::move(parts);
  made->text = std::move(text);
  return measured(std::move(made));
}

ExpressionRef ExpressionParser::constant(int line, Value value) {
  auto made = make(ExpressionKind::constant, line);
  made->constant = std::move(value);
  return made;
}

void ExpressionParser::refuse_unknown(std::size_t since) const {
  if (unknown_.size() > since) throw unknown_[since];
}

ExpressionRef ExpressionParser::condition() {
  const Level level(*this);
  const auto unknown_before = unknown_count();
  auto value = either();
  while (is_name("if")) {
    const int line = take().line;
    auto test = either();
    ExpressionRef otherwise = take_name("else") ? condition() : nullptr;
    value = make(ExpressionKind::condition, line, parts_of(std::move(value), std::move(test), std::move(otherwise)));
    forgive_unknown(unknown_before);
  }
  return value;
}

ExpressionRef ExpressionParser::either() {
  auto left = both();
  while (is_name("or")) {
    const int line = take().line;
    left = make(ExpressionKind::logical_or, line, parts_of(std::move(left), both()));
  }
  return left;
}

ExpressionRef ExpressionParser::both() {
  auto left = negation();
  while (is_name("and")) {
    const int line = take().line;
    left = make(ExpressionKind::logical_and, line, parts_of(std::move(left), negation()));
  }
  return left;
}

ExpressionRef ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  const Level level(*this);
  const int line = take().line;
  return make(ExpressionKind::logical_not, line, parts_of(negation()));
}

ExpressionRef ExpressionParser::comparison() {
  const int line = current().line;
  std::vector<ExpressionRef> parts = parts_of(sum());
  std::vector<std::string> operators;
  for (;;) {
    constexpr std::string_view known[] = {"==", "!=", "<", "<=", ">", ">="};
    if (is(TokenKind::op) && std::find(std::begin(known), std::end(known), current().text) != std::end(known)) {
      operators.push_back(take().text);
    } else if (take_name("in")) {
      operators.push_back("in");
    } else if (is_name("not") && following().kind == TokenKind::name && following().text == "in") {
      take();
      take();
      operators.push_back("not in");
    } else {
      break;
    }
    parts.push_back(sum());
  }
  if (operators.empty()) return std::move(parts[0]);
  auto made = make(ExpressionKind::compare, line, std::move(parts));
  made->operators = std::move(operators);
  return made;
}

ExpressionRef ExpressionParser::sum() {
  auto left = concatenation();
  while (is_op("+") || is_op("-")) {
    const Token op = take();
    left = make(ExpressionKind::binary, op.line, parts_of(std::move(left), concatenation()), op.text);
  }
  return left;
}

ExpressionRef ExpressionParser::concatenation() {
  const int line = current().line;
  std::vector<ExpressionRef> parts = parts_of(product());
  while (take_op("~")) parts.push_back(product());
  if (parts.size() == 1) return std::move(parts[0]);
  return make(ExpressionKind::concatenate, line, std::move(parts));
}

ExpressionRef ExpressionParser::product() {
  auto left = power();
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    const Token op = take();
    left = make(ExpressionKind::binary, op.line, parts_of(std::move(left), power()), op.text);
  }
  return left;
}

ExpressionRef ExpressionParser::power() {
  auto left = unary(true);
  while (is_op("**")) {
    const Token op = take();
    left = make(ExpressionKind::binary, op.line, parts_of(std::move(left), unary(true)), op.text);
  }
  return left;
}

ExpressionRef ExpressionParser::unary(bool with_filters) {
  const Level level(*this);
  ExpressionRef value;
  const int line = current().line;
  if (take_op("-")) {
    value = make(ExpressionKind::negative, line, parts_of(unary(false)));
  } else if (take_op("+")) {
    value = make(ExpressionKind::positive, line, parts_of(unary(false)));
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filtered(std::move(value)) : std::move(value);
}

ExpressionRef ExpressionParser::primary() {
  const int line = current().line;
  if (is(TokenKind::string)) return strings();
  if (is(TokenKind::integer)) return constant(line, integer(take().integer));
  if (is(TokenKind::real)) return constant(line, number(take().real));
  if (is_op("[")) return list();
  if (is_op("{")) return dict();
  if (take_op("(")) {
    auto inner = expressions(true, true);
    expect_op(")");
    return inner;
  }
  if (!is(TokenKind::name)) fail_at_token("an expression");
  const std::string name = take().text;
  if (name == "true" || name == "True") return constant(line, boolean(true));
  if (name == "false" || name == "False") return constant(line, boolean(false));
  if (name == "none" || name == "None") return constant(line, none());
  saw_varargs_ = saw_varargs_ || name == "varargs";
  saw_kwargs_ = saw_kwargs_ || name == "kwargs";
  saw_caller_ = saw_caller_ || name == "caller";
  auto made = make(ExpressionKind::name, line);
  made->symbol = symbol(name);
  return made;
}

ExpressionRef ExpressionParser::strings() {
  const int line = current().line;
  std::string whole;
  while (is(TokenKind::string)) whole += take().text;
  return constant(line, text(unbounded(), std::move(whole)));
}

ExpressionRef ExpressionParser::list() {
  const int line = take().line;
  std::vector<ExpressionRef> parts;
  while (!is_op("]")) {
    if (!parts.empty()) expect_op(",");
    if (is_op("]")) break;
    parts.push_back(expression());
  }
  expect_op("]");
  return make(ExpressionKind::list, line, std::move(parts));
}

ExpressionRef ExpressionParser::dict() {
  const int line = take().line;
  std::vector<ExpressionRef> parts;
  while (!is_op("}")) {
    if (!parts.empty()) expect_op(",");
    if (is_op("}")) break;
    parts.push_back(expression());
    expect_op(":");
    parts.push_back(expression());
  }
  expect_op("}");
  return make(ExpressionKind::dict, line, std::move(parts));
}

ExpressionRef ExpressionParser::expressions(bool with_condition, bool in_parentheses) {
  const Level level(*this);
  const int line = current().line;
  std::vector<ExpressionRef> parts;
  bool is_tuple = false;
  const auto ends = [&] { return is(TokenKind::output_end) || is(TokenKind::block_end) || is_op(")"); };
  for (;;) {
    if (!parts.empty()) expect_op(",");
    if (ends()) break;
    parts.push_back(expression(with_condition));
    if (!is_op(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !parts.empty()) return std::move(parts[0]);
  if (!is_tuple && !in_parentheses) fail_at_token("an expression");
  return make(ExpressionKind::tuple, line, std::move(parts));
}

ExpressionRef ExpressionParser::postfix(ExpressionRef value) {
  for (;;) {
    if (is_op(".")) {
      value = attribute(std::move(value));
    } else if (is_op("[")) {
      value = subscript(std::move(value));
    } else if (is_op("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionRef ExpressionParser::filtered(ExpressionRef value) {
  for (;;) {
    if (is_op("|")) {
      take();
      value = filter(std::move(value));
    } else if (is_name("is")) {
      value = test(std::move(value));
    } else if (is_op("(")) {
      value = call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionRef ExpressionParser::attribute(ExpressionRef value) {
  const int line = take().line;
  if (is(TokenKind::integer)) {
    auto index = constant(line, integer(take().integer));
    return make(ExpressionKind::item, line, parts_of(std::move(value), std::move(index)));
  }
  const std::string name = expect(TokenKind::name, "a name or a number").text;
  return make(ExpressionKind::attribute, line, parts_of(std::move(value)), name);
}

ExpressionRef ExpressionParser::subscript(ExpressionRef value) {
  const int line = take().line;
  std::vector<ExpressionRef> keys;
  while (!is_op("]")) {
    if (!keys.empty()) expect_op(",");
    keys.push_back(subscribed());
  }
  expect_op("]");
  auto key = keys.size() == 1 ? std::move(keys[0]) : make(ExpressionKind::tuple, line, std::move(keys));
  return make(ExpressionKind::item, line, parts_of(std::move(value), std::move(key)));
}

ExpressionRef ExpressionParser::subscribed() {
  const int line = current().line;
  ExpressionRef start, stop, step;
  if (!is_op(":")) {
    start = expression();
    if (!is_op(":")) return start;
  }
  expect_op(":");
  const auto ends = [&] { return is_op(":") || is_op("]") || is_op(","); };
  if (!ends()) stop = expression();
  if (take_op(":") && !ends()) step = expression();
  return make(ExpressionKind::slice, line, parts_of(std::move(start), std::move(stop), std::move(step)));
}

Arguments ExpressionParser::arguments() {
  Arguments result;
  const Level level(*this);
  expect_op("(");
  for (bool first = true; !is_op(")"); first = false) {
    if (!first) {
      expect_op(",");
      if (is_op(")")) break;
    }
    if (take_op("*")) {
      if (result.all_positional || result.all_named) fail("invalid syntax for function call expression");
      result.all_positional = expression();
    } else if (take_op("**")) {
      if (result.all_named) fail("invalid syntax for function call expression");
      result.all_named = expression();
    } else if (is(TokenKind::name) && following().kind == TokenKind::op && following().text == "=") {
      std::string name = take().text;
      take();
      result.named.emplace_back(std::move(name), expression());
    } else {
      if (result.all_positional || result.all_named || !result.named.empty())
        fail("invalid syntax for function call expression");
      result.positional.push_back(expression());
    }
  }
  expect_op(")");
  return result;
}

ExpressionRef ExpressionParser::call(ExpressionRef value) {
  auto made = make(ExpressionKind::call, current().line, parts_of(std::move(value)));
  made->arguments = arguments();
  return measured(std::move(made));
}

ExpressionRef ExpressionParser::filter(ExpressionRef value) {
  const Token name = expect(TokenKind::name, "a filter's name");
  auto made = make(ExpressionKind::filter, name.line, parts_of(std::move(value)), name.text);
  while (take_op(".")) made->text += "." + expect(TokenKind::name, "a filter's name").text;
  if (find_filter(made->text) == nullptr) unknown_.push_back({"No filter named '" + made->text.substr(0, 60) + "'.", name.line});
  if (is_op("(")) made->arguments = arguments();
  return measured(std::move(made));
}

ExpressionRef ExpressionParser::filters_of_block(bool starts_inline) {
  ExpressionRef value = make(ExpressionKind::captured, current().line);
  if (starts_inline) value = filter(std::move(value));
  while (take_op("|")) value = filter(std::move(value));
  return value;
}

bool ExpressionParser::starts_test_argument() const {
  if (is(TokenKind::string) || is(TokenKind::integer) || is(TokenKind::real) || is_op("[") || is_op("{")) return true;
  return is(TokenKind::name) && !is_name("else") && !is_name("or") && !is_name("and");
}

ExpressionRef ExpressionParser::test(ExpressionRef value) {
  const int line = take().line;
  const bool negated = take_name("not");
  auto made = make(ExpressionKind::test, line, parts_of(std::move(value)), expect(TokenKind::name, "a test's name").text);
  if (find_test(made->text) == nullptr) unknown_.push_back({"No test named '" + made->text.substr(0, 60) + "'.", line});
  if (is_op("(")) {
    made->arguments = arguments();
  } else if (starts_test_argument()) {
    if (is_name("is")) fail("You cannot chain multiple tests with is");
    made->arguments.positional.push_back(postfix(primary()));
  }
  made = measured(std::move(made));
  return negated ? make(ExpressionKind::logical_not, line, parts_of(std::move(made))) : std::move(made);
}

std::string ExpressionParser::assignable_name(std::string_view what) {
  const std::string name = expect(TokenKind::name, what).text;
  constexpr std::string_view reserved[] = {"true", "false", "none", "True", "False", "None"};
  if (std::find(std::begin(reserved), std::end(reserved), name) != std::end(reserved)) fail("can't assign to '" + name + "'");
  return name;
}

Target ExpressionParser::target(bool with_members) {
  Target several{Target::Kind::several, 0, {}, {}};
  bool is_tuple = false;
  for (;;) {
    if (!several.parts.empty()) expect_op(",");
    if (is(TokenKind::block_end) || is_op(")")) break;
    several.parts.push_back(target_part(with_members));
    if (!is_op(",")) break;
    is_tuple = true;
  }
  if (several.parts.empty()) fail_at_token("a name");
  return is_tuple ? std::move(several) : std::move(several.parts[0]);
}

Target ExpressionParser::target_part(bool with_members) {
  if (take_op("(")) {
    const Level level(*this);
    Target inner = target(with_members);
    expect_op(")");
    return inner;
  }
  const std::string name = assignable_name("a name");
  if (!with_members || !take_op(".")) return {Target::Kind::name, symbol(name), {}, {}};
  return {Target::Kind::member, symbol(name), expect(TokenKind::name, "a member's name").text, {}};
}

}  // namespace luthier::text::jinja

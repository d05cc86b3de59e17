#include "gpu/text/jinja_machine.hpp"

#include <algorithm>

#include "gpu/text/jinja_arguments.hpp"
#include "gpu/text/jinja_operators.hpp"
#include "gpu/text/jinja_text.hpp"
#include "gpu/text/utf8.hpp"

namespace luthier::text::jinja {
namespace {

constexpr unsigned levels_max = 1000;  // of evaluations in evaluations: macros that call themselves end here
constexpr std::size_t no_symbol = static_cast<std::size_t>(-1);

}  // namespace

class Machine::Level {
 public:
  explicit Level(Machine& machine) : machine_(machine) {
    if (++machine.level_ <= levels_max) return;
    --machine.level_;
    throw Failure{"the template calls itself too deep"};
  }
  ~Level() { --machine_.level_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  Machine& machine_;
};

void Machine::Scope::set(std::size_t symbol, Value value) {
  for (auto& [known, old] : values)
    if (known == symbol) {
      old = std::move(value);
      return;
    }
  values.emplace_back(symbol, std::move(value));
}

Machine::Machine(const Program& program, const Value& variables, Budget& budget)
    : program_(program), variables_(variables), budget_(budget) {
  globals_.reserve(program.symbols.size());
  for (const auto& name : program.symbols) globals_.push_back(global(name));
  const auto symbol = [&](std::string_view name) {
    const auto at = std::find(program.symbols.begin(), program.symbols.end(), name);
    return at == program.symbols.end() ? no_symbol : static_cast<std::size_t>(at - program.symbols.begin());
  };
  caller_ = symbol("caller");
  varargs_ = symbol("varargs");
  kwargs_ = symbol("kwargs");
  loop_ = symbol("loop");
}

const Value* Machine::variable(std::string_view name) const { return std::get<DictRef>(variables_.held)->find(name); }

Value Machine::global(const std::string& name) const {
  const Value* given = variable(name);
  // A number is no function: there it sets the clock that the function reads.
  const bool is_clock = name == "strftime_now" && given != nullptr && as_number(*given);
  if (given != nullptr && !is_clock) return *given;
  if (auto function = builtin_function(name)) return *std::move(function);
  return undefined("'" + name + "' is undefined");
}

const Value& Machine::look_up(std::size_t symbol, const Scope* scope) const {
  for (; scope != nullptr; scope = scope->outer.get()) {
    budget_.step(scope->values.size() / 16);
    for (const auto& [known, value] : scope->values)
      if (known == symbol) return value;
  }
  return globals_[symbol];
}

Output Machine::run() {
  run(program_.body, std::make_shared<Scope>());
  return {std::move(root_), std::move(generated_)};
}

void Machine::write(std::string_view text) {
  budget_.bytes(text.size());
  *out_ += text;
}

// Unlike what {{ }} shows, a block's value is joined with the text around it as it is.
void Machine::write_block(const Value& value) {
  if (!value.is_text()) throw Failure{"a block gives text: expected str instance, " + type_name(value) + " found"};
  write(value.text());
}

std::string Machine::capture(const Block& block, const ScopeRef& scope) {
  std::string text;
  std::string* outer = std::exchange(out_, &text);
  run(block, scope);
  out_ = outer;  // a failure ends the whole rendering, so nobody writes to the old place
  return text;
}

Machine::Flow Machine::run(const Block& block, const ScopeRef& scope) {
  for (const auto& statement : block)
    if (const Flow flow = run(statement, scope); flow != Flow::next) return flow;
  return Flow::next;
}

Machine::Flow Machine::run(const Statement& statement, const ScopeRef& scope) {
  const Level level(*this);
  budget_.step();
  line_ = statement.line;
  switch (statement.kind) {
    case StatementKind::data: write(statement.text); break;
    case StatementKind::print: {
      const Value value = evaluate(*statement.value, scope);
      write(value.is_text() ? value.text() : to_text(value, budget_));
      break;
    }
    case StatementKind::set: assign(statement.target, evaluate(*statement.value, scope), scope); break;
    case StatementKind::set_block: {
      std::string text = capture(statement.body, inside(scope));
      assign(statement.target, filtered(statement.value, std::move(text), scope), scope);
      break;
    }
    case StatementKind::loop: {
      const Value source = evaluate(*statement.value, scope);
      if (!statement.recursive) return run_loop(statement, scope, source, 1);
      write(run_recursive(statement, scope, source, 1));
      break;
    }
    case StatementKind::branch: return run_branches(statement, scope);
    case StatementKind::macro: scope->set(statement.macro->symbol, define(statement, scope)); break;
    case StatementKind::call_block: run_call_block(statement, scope); break;
    case StatementKind::filter_block: {
      std::string text = capture(statement.body, inside(scope));
      write_block(filtered(statement.value, std::move(text), scope));
      break;
    }
    case StatementKind::with: return run_with(statement, scope);
    case StatementKind::generation: run_generation(statement, scope); break;
    case StatementKind::break_loop: return Flow::break_loop;
    case StatementKind::continue_loop: return Flow::continue_loop;
  }
  return Flow::next;
}

Value Machine::filtered(const ExpressionRef& filters, std::string content, const ScopeRef& scope) {
  Value value = text(budget_, std::move(content));
  if (!filters) return value;
  captured_ = std::move(value);
  return evaluate(*filters, scope);
}

void Machine::assign(const Target& target, Value value, const ScopeRef& scope) {
  if (target.kind == Target::Kind::several) return assign_several(target, value, scope);
  if (target.kind == Target::Kind::name) return scope->set(target.symbol, std::move(value));
  const Value& owner = look_up(target.symbol, scope.get());
  const auto* space = owner.get<Namespace*>();
  if (space == nullptr) throw Failure{"cannot assign attribute on non-namespace object"};
  if (target.member.starts_with('_')) throw Failure{"a namespace cannot have the attribute '" + target.member + "'"};
  (*space)->set(target.member, std::move(value));
}

void Machine::assign_several(const Target& target, const Value& value, const ScopeRef& scope) {
  require_defined(value);
  if (!is_iterable(value)) throw Failure{"cannot unpack non-iterable " + type_name(value) + " object"};
  auto parts = elements(value, budget_);
  if (parts.size() != target.parts.size())
    throw Failure{std::string(parts.size() < target.parts.size() ? "not enough" : "too many") + " values to unpack (expected " +
                  std::to_string(target.parts.size()) + ")"};
  for (std::size_t i = 0; i < parts.size(); ++i) assign(target.parts[i], std::move(parts[i]), scope);
}

Value Machine::assembled(const Target& target, const Scope& scope) {
  if (target.kind != Target::Kind::several) return look_up(target.symbol, &scope);
  std::vector<Value> parts;
  for (const auto& part : target.parts) parts.push_back(assembled(part, scope));
  return list(budget_, std::move(parts), ListForm::tuple);
}

Machine::Flow Machine::run_loop(const Statement& statement, const ScopeRef& scope, const Value& source, std::int64_t depth) {
  std::function<bool(Value&)> passes;
  if (statement.test)
    passes = [this, &statement, &scope](Value& item) {
      const auto turn = inside(scope);
      assign(statement.target, item, turn);
      item = assembled(statement.target, *turn);  // as Jinja hands it on: of the names that it was taken apart into
      return is_true(evaluate(*statement.test, turn));
    };
  budget_.bytes(sizeof(Loop));
  Loop& loop = loops_.emplace_back(elements(source, budget_), std::move(passes), depth);
  if (statement.recursive)
    loop.recurse = [this, &statement, scope, depth](const Value& items) {
      return text(budget_, run_recursive(statement, scope, items, depth + 1));
    };
  bool completed = false;  // one turn at least; as in Jinja, turns that `break` or `continue` end do not count
  while (loop.advance()) {
    const auto turn = inside(scope);
    budget_.step();
    if (loop_ != no_symbol) turn->set(loop_, {&loop});
    assign(statement.target, loop.current(), turn);
    const Flow flow = run(statement.body, turn);
    if (flow == Flow::break_loop) break;
    completed = completed || flow == Flow::next;
  }
  loop.close();
  return completed ? Flow::next : run(statement.otherwise, inside(scope));
}

std::string Machine::run_recursive(const Statement& statement, const ScopeRef& scope, const Value& source, std::int64_t depth) {
  std::string content;
  std::string* outer = std::exchange(out_, &content);
  run_loop(statement, scope, source, depth);
  out_ = outer;
  return content;
}

Machine::Flow Machine::run_branches(const Statement& statement, const ScopeRef& scope) {
  for (const auto& branch : statement.branches)
    if (!branch.test || is_true(evaluate(*branch.test, scope))) return run(branch.body, scope);
  return Flow::next;
}

Machine::Flow Machine::run_with(const Statement& statement, const ScopeRef& scope) {
  const auto inner = inside(scope);
  for (const auto& [target, value] : statement.assignments) assign(target, evaluate(*value, scope), inner);
  return run(statement.body, inner);
}

// The place is that of the block in what the template itself has written so far, as transformers counts it.
void Machine::run_generation(const Statement& statement, const ScopeRef& scope) {
  const std::size_t begin = root_.size();
  const std::string text = capture(statement.body, inside(scope));
  generated_.emplace_back(begin, begin + text.size());
  write(text);
}

Value Machine::define(const Statement& statement, const ScopeRef& scope) {
  budget_.bytes(sizeof(Macro));
  Macro& macro = macros_.emplace_back(Macro{statement.macro.get(), &statement.body, scope});
  const bool is_anonymous = statement.kind == StatementKind::call_block;
  std::vector<Value> arguments;
  for (const auto& parameter : macro.syntax->parameters) arguments.push_back(text(budget_, parameter.name));
  DictMaker members(budget_);
  members.set("name", is_anonymous ? none() : text(budget_, macro.syntax->name));
  members.set("arguments", list(budget_, std::move(arguments), ListForm::tuple));
  members.set("catch_varargs", boolean(macro.syntax->takes_more_positional));
  members.set("catch_kwargs", boolean(macro.syntax->takes_more_named));
  members.set("caller", boolean(macro.syntax->looks_at_caller));
  return {std::make_shared<const Callable>(
      Callable{macro.syntax->name, [&macro](Machine& machine, const Call& call) { return machine.run_macro(macro, call); }, 2,
               std::get<DictRef>(members.take().held)})};
}

void Machine::run_call_block(const Statement& statement, const ScopeRef& scope) {
  const Expression& callee = *statement.value;
  const Value function = evaluate(*callee.parts[0], scope);
  Call arguments = evaluate(callee.arguments, scope);
  arguments.named.emplace_back("caller", define(statement, scope));
  write_block(call(function, arguments));
}

void Machine::bind(const Macro& macro, const Call& call, const ScopeRef& scope) {
  const auto& parameters = macro.syntax->parameters;
  std::vector<bool> used(call.named.size());
  const auto named = [&](std::string_view name) -> const Value* {
    for (std::size_t i = 0; i < call.named.size(); ++i)
      if (call.named[i].first == name) return used[i] = true, &call.named[i].second;
    return nullptr;
  };
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& [symbol, name, otherwise] = parameters[i];
    if (i < call.positional.size()) {
      scope->set(symbol, call.positional[i]);
    } else if (const Value* value = named(name)) {
      scope->set(symbol, *value);
    } else {
      scope->set(symbol, otherwise ? evaluate(*otherwise, scope) : undefined("parameter '" + name + "' was not provided"));
    }
  }
  if (macro.syntax->looks_at_caller) {
    const Value* caller = named("caller");
    scope->set(caller_, caller != nullptr ? *caller : undefined("No caller defined"));
  }
  if (call.positional.size() > parameters.size() && !macro.syntax->takes_more_positional)
    throw Failure{"macro '" + macro.syntax->name + "' takes not more than " + std::to_string(parameters.size()) + " argument(s)"};
  if (macro.syntax->takes_more_positional) {
    const auto from = std::min(parameters.size(), call.positional.size());
    scope->set(varargs_, list(budget_, {call.positional.begin() + static_cast<std::ptrdiff_t>(from), call.positional.end()}, ListForm::tuple));
  }
  DictMaker more(budget_);
  for (std::size_t i = 0; i < call.named.size(); ++i) {
    if (used[i]) continue;
    if (!macro.syntax->takes_more_named && call.named[i].first == "caller")
      throw Failure{"macro '" + macro.syntax->name + "' does not call a caller, but was given one"};
    if (!macro.syntax->takes_more_named)
      throw Failure{"macro '" + macro.syntax->name + "' takes no keyword argument '" + call.named[i].first + "'"};
    more.set(call.named[i].first, call.named[i].second);
  }
  if (macro.syntax->takes_more_named) scope->set(kwargs_, more.take());
}

Value Machine::run_macro(const Macro& macro, const Call& call) {
  const auto scope = inside(macro.scope);
  bind(macro, call, scope);
  return text(budget_, capture(*macro.body, scope));
}

Value Machine::evaluate(const Expression& expression, const ScopeRef& scope) {
  if (expression.kind == ExpressionKind::constant) return expression.constant;
  const Level level(*this);
  budget_.step();
  line_ = expression.line;
  return evaluate_kind(expression, scope);
}

Value Machine::evaluate_kind(const Expression& expression, const ScopeRef& scope) {
  const auto part = [&](std::size_t i) { return evaluate(*expression.parts[i], scope); };
  switch (expression.kind) {
    case ExpressionKind::constant: return expression.constant;
    case ExpressionKind::name: return look_up(expression.symbol, scope.get());
    case ExpressionKind::captured: return captured_;
    case ExpressionKind::list: return list(budget_, evaluate_all(expression.parts, scope));
    case ExpressionKind::tuple: return list(budget_, evaluate_all(expression.parts, scope), ListForm::tuple);
    case ExpressionKind::dict: return evaluate_dict(expression, scope);
    case ExpressionKind::attribute: return attribute(part(0), expression.text);
    case ExpressionKind::item: return evaluate_item(expression, scope);
    case ExpressionKind::slice: throw Failure{"a slice is no value"};
    case ExpressionKind::call: {
      const Value function = part(0);
      return call(function, evaluate(expression.arguments, scope));
    }
    case ExpressionKind::filter: {
      const Value input = part(0);
      return filter(expression.text, input, evaluate(expression.arguments, scope));
    }
    case ExpressionKind::test: {
      const Value value = part(0);
      return boolean(test(expression.text, value, evaluate(expression.arguments, scope)));
    }
    case ExpressionKind::negative: return negative(part(0));
    case ExpressionKind::positive: return positive(part(0));
    case ExpressionKind::logical_not: return boolean(!is_true(part(0)));
    case ExpressionKind::logical_and: {
      Value left = part(0);
      return is_true(left) ? part(1) : left;
    }
    case ExpressionKind::logical_or: {
      Value left = part(0);
      return is_true(left) ? left : part(1);
    }
    case ExpressionKind::binary: {
      const Value left = part(0);
      return binary(expression.text, left, part(1), budget_);
    }
    case ExpressionKind::concatenate: return concatenate(expression, scope);
    case ExpressionKind::compare: return boolean(evaluate_compare(expression, scope));
    case ExpressionKind::condition:
      if (is_true(part(1))) return part(0);
      if (expression.parts[2]) return part(2);
      return undefined("the inline if-expression evaluated to false and no else section was defined.");
  }
  return {};
}

Value Machine::evaluate_dict(const Expression& expression, const ScopeRef& scope) {
  DictMaker dict(budget_);
  for (std::size_t i = 0; i < expression.parts.size(); i += 2) {
    Value key = evaluate(*expression.parts[i], scope);
    dict.set(std::move(key), evaluate(*expression.parts[i + 1], scope));
  }
  return dict.take();
}

Value Machine::evaluate_item(const Expression& expression, const ScopeRef& scope) {
  const Value value = evaluate(*expression.parts[0], scope);
  const Expression& key = *expression.parts[1];
  if (key.kind != ExpressionKind::slice) return item(value, evaluate(key, scope));
  require_defined(value);
  const auto bound = [&](std::size_t i) { return key.parts[i] ? evaluate(*key.parts[i], scope) : none(); };
  const Value start = bound(0), stop = bound(1), step = bound(2);
  return slice(value, start, stop, step, budget_);
}

bool Machine::evaluate_compare(const Expression& expression, const ScopeRef& scope) {
  Value left = evaluate(*expression.parts[0], scope);
  for (std::size_t i = 0; i < expression.operators.size(); ++i) {
    Value right = evaluate(*expression.parts[i + 1], scope);
    if (!compare(expression.operators[i], left, right, budget_)) return false;
    left = std::move(right);
  }
  return true;
}

Value Machine::concatenate(const Expression& expression, const ScopeRef& scope) {
  std::string whole;
  for (const auto& part : expression.parts) whole += to_text(evaluate(*part, scope), budget_);
  return text(budget_, std::move(whole));
}

std::vector<Value> Machine::evaluate_all(const std::vector<ExpressionRef>& expressions, const ScopeRef& scope) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const auto& expression : expressions) values.push_back(evaluate(*expression, scope));
  return values;
}

Call Machine::evaluate(const Arguments& arguments, const ScopeRef& scope) {
  Call call{evaluate_all(arguments.positional, scope), {}};
  for (const auto& [name, value] : arguments.named) call.named.emplace_back(name, evaluate(*value, scope));
  if (arguments.all_positional)
    for (auto& value : elements(evaluate(*arguments.all_positional, scope), budget_)) call.positional.push_back(std::move(value));
  if (arguments.all_named) {
    const Value all = evaluate(*arguments.all_named, scope);
    const auto* dict = all.get<DictRef>();
    if (dict == nullptr) throw Failure{"the argument after ** must be a mapping, not " + type_name(all)};
    for (const auto& [name, value] : (*dict)->entries) {
      if (!name.is_text()) throw Failure{"keywords must be strings"};
      call.named.emplace_back(name.text(), value);
    }
  }
  return call;
}

Value Machine::call(const Value& function, const Call& arguments) {
  require_defined(function);
  if (const auto* loop = function.get<Loop*>()) {
    const Bound bound("loop", arguments, {"iterable"});
    if (!(*loop)->recurse) throw Failure{"The loop must have the 'recursive' marker to be called recursively."};
    const Level level(*this);
    return (*loop)->recurse(bound.value(0));
  }
  const auto* known = function.get<CallableRef>();
  if (known == nullptr) throw Failure{"'" + type_name(function) + "' object is not callable"};
  const Level level(*this);
  return (*known)->function(*this, arguments);
}

Value Machine::filter(const std::string& name, const Value& input, const Call& call) {
  const auto function = find_filter(name);
  if (function == nullptr) throw Failure{"No filter named '" + name + "'."};
  budget_.step(1 + (input.is_text() ? input.text().size() / 16 : 0));
  return function(*this, input, call);
}

bool Machine::test(const std::string& name, const Value& value, const Call& call) {
  const auto function = find_test(name);
  if (function == nullptr) throw Failure{"No test named '" + name + "'."};
  return function(*this, value, call);
}

Value Machine::attribute(const Value& value, const std::string& name) {
  require_defined(value);
  if (auto found = method(value, name)) return *std::move(found);
  if (const auto* loop = value.get<Loop*>())
    if (auto found = (*loop)->attribute(name)) return *std::move(found);
  const Value* member = nullptr;
  if (const auto* dict = value.get<DictRef>()) member = (*dict)->find(name);
  if (const auto* space = value.get<Namespace*>()) member = (*space)->find(name);
  if (const auto* bound = value.get<CallableRef>(); bound != nullptr && (*bound)->members) member = (*bound)->members->find(name);
  if (const auto* held = value.get<ListRef>(); held != nullptr && (*held)->is_group && (name == "grouper" || name == "list"))
    member = &(*held)->items[name == "list"];
  if (member != nullptr) return *member;
  return undefined("'" + object_name(value) + "' has no attribute '" + name + "'");
}

Value Machine::item(const Value& value, const Value& key) {
  require_defined(value);
  const auto* dict = value.get<DictRef>();
  const bool hashable = !key.is<DictRef>() && !(key.is<ListRef>() && std::get<ListRef>(key.held)->form == ListForm::list);
  if (dict != nullptr && hashable)
    if (const Value* found = (*dict)->find(key, budget_)) return *found;
  if (key.is_text() && dict == nullptr) return attribute(value, key.text());
  if (key.is_text())
    if (auto found = method(value, key.text())) return *std::move(found);
  if (const auto index = as_integer(key)) {
    const auto* held = value.get<ListRef>();
    const bool indexed = held != nullptr && (*held)->form <= ListForm::range;
    if (value.is_text()) budget_.step(value.text().size() / 16);
    const auto size = indexed || value.is_text() ? static_cast<std::int64_t>(*length(value)) : 0;
    const std::int64_t at = *index < 0 && *index >= -size ? *index + size : *index;
    if (at >= 0 && at < size && indexed) return (*held)->items[static_cast<std::size_t>(at)];
    if (at >= 0 && at < size)
      return like(value, text(budget_, std::string(between(value.text(), static_cast<std::size_t>(at), static_cast<std::size_t>(at) + 1))));
  }
  if (key.is_text()) return undefined("'" + object_name(value) + "' has no attribute '" + key.text() + "'");
  return undefined(object_name(value) + " has no element " + to_repr(key, budget_));
}

Value Machine::new_namespace(const Call& call) {
  budget_.bytes(sizeof(Namespace));
  Namespace& made = namespaces_.emplace_back();
  const auto set = [&](const std::string& name, const Value& value) {
    if (name.starts_with('_')) throw Failure{"a namespace cannot have the attribute '" + name + "'"};
    budget_.step(made.members.size() / 16 + 1);
    made.set(name, value);
  };
  if (call.positional.size() > 1) throw Failure{"namespace() takes at most 1 positional argument"};
  if (!call.positional.empty()) {
    const auto* dict = call.positional[0].get<DictRef>();
    if (dict == nullptr) throw Failure{"namespace() takes a mapping, not '" + type_name(call.positional[0]) + "'"};
    for (const auto& [key, value] : (*dict)->entries)
      if (key.is_text()) set(key.text(), value);
  }
  for (const auto& [name, value] : call.named) set(name, value);
  return {&made};
}

}  // namespace luthier::text::jinja

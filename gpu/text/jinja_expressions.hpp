// The part of the parser that reads expressions; the statements' part builds on it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/text/jinja_lexer.hpp"
#include "gpu/text/jinja_syntax.hpp"

namespace luthier::text::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

 protected:
  // One level of nesting for as long as it lives.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[at_ + (at_ + 1 < tokens_.size() ? 1 : 0)]; }
  Token take() { return current().kind == TokenKind::end ? current() : tokens_[at_++]; }
  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_op(std::string_view text) const { return is(TokenKind::op) && current().text == text; }
  bool is_name(std::string_view text) const { return is(TokenKind::name) && current().text == text; }
  bool take_op(std::string_view text);
  bool take_name(std::string_view text);
  void expect_op(std::string_view text);
  Token expect(TokenKind kind, std::string_view what);
  [[noreturn]] void fail(std::string message) const;
  [[noreturn]] void fail_at_token(std::string_view expected) const;
  std::size_t symbol(const std::string& name);

  ExpressionRef expression(bool with_condition = true) { return with_condition ? condition() : either(); }
  // Several expressions with commas between them are a tuple.
  ExpressionRef expressions(bool with_condition = true, bool in_parentheses = false);
  // `| name(…) | name …`, on top of what a block has rendered; `starts_inline`: the first one has no bar.
  ExpressionRef filters_of_block(bool starts_inline);
  std::string assignable_name(std::string_view what);
  Target target(bool with_members);

  // A filter or test that nobody knows is refused before the template runs, except where a condition decides whether it runs at all: in
  // `a if b else c` and in {% if %}, but not in a loop or macro inside. So unknown ones wait here until it is clear where they stand.
  std::size_t unknown_count() const { return unknown_.size(); }
  void forgive_unknown(std::size_t since) { unknown_.resize(since); }
  void refuse_unknown(std::size_t since) const;

  std::vector<std::string> symbols_;
  // Names that macros treat specially, as far as they were read; see macro parsing.
  bool saw_varargs_ = false, saw_kwargs_ = false, saw_caller_ = false;

 private:
  ExpressionRef make(ExpressionKind kind, int line, std::vector<ExpressionRef> parts = {}, std::string text = {});
  ExpressionRef measured(ExpressionRef expression);
  ExpressionRef constant(int line, Value value);

  ExpressionRef condition();
  ExpressionRef either();
  ExpressionRef both();
  ExpressionRef negation();
  ExpressionRef comparison();
  ExpressionRef sum();
  ExpressionRef concatenation();
  ExpressionRef product();
  ExpressionRef power();
  ExpressionRef unary(bool with_filters);
  ExpressionRef primary();
  ExpressionRef strings();
  ExpressionRef list();
  ExpressionRef dict();
  ExpressionRef postfix(ExpressionRef value);
  ExpressionRef filtered(ExpressionRef value);
  ExpressionRef attribute(ExpressionRef value);
  ExpressionRef subscript(ExpressionRef value);
  ExpressionRef subscribed();
  ExpressionRef call(ExpressionRef value);
  ExpressionRef filter(ExpressionRef value);
  ExpressionRef test(ExpressionRef value);
  bool starts_test_argument() const;
  Arguments arguments();
  Target target_part(bool with_members);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  unsigned level_ = 0;
  std::map<std::string, std::size_t> symbol_of_;
  std::vector<SyntaxFailure> unknown_;
};

}  // namespace luthier::text::jinja

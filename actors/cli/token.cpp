// Bearer tokens of the HTTP interface. They are in a file of the data directory, so that no server need run.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "actors/auth/tokens.hpp"
#include "actors/cli/context.hpp"
#include "actors/cli/terminal.hpp"
#include "events/base/clock.hpp"

namespace luthier::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t microseconds_per_day = std::int64_t{86'400} * 1'000'000;

auth::TokenStore store_of(const Context& context) { return auth::TokenStore(context.data / "keys" / "tokens.json"); }

// "default=editor", "*=viewer"; a workspace alone means editor.
Result<auth::Grant> parse_scope(const std::string& text) {
  const auto equals = text.find('=');
  const auto role = auth::parse_role(equals == std::string::npos ? "editor" : text.substr(equals + 1));
  if (!role || text.empty() || equals == 0) return invalid("--scope " + text + ": WORKSPACE=viewer, =editor or =admin is needed; * is every workspace", "--scope");
  return auth::Grant{text.substr(0, equals), *role};
}

ordered_json as_json(const auth::Token& token) {
  ordered_json scopes = ordered_json::array();
  for (const auto& scope : token.scopes) scopes.push_back({{"workspace", scope.workspace}, {"role", to_string(scope.role)}});
  const auto time = [](const std::optional<Timestamp>& at) { return at ? ordered_json(format_time(*at)) : ordered_json(nullptr); };
  return {{"id", token.id}, {"name", token.name}, {"principal", token.principal}, {"scopes", scopes}, {"created_at", format_time(token.created_at)},
          {"expires_at", time(token.expires_at)}, {"last_used", time(token.last_used)}};
}

std::string scopes_of(const auth::Token& token) {
  std::string text;
  for (const auto& scope : token.scopes) text += (text.empty() ? "" : " ") + scope.workspace + "=" + std::string(to_string(scope.role));
  return text;
}

struct NewToken {
  std::string name, principal;
  std::vector<std::string> scopes;
  double days = 0;
};

int create(Context& context, const NewToken& wish) {
  auth::NewToken wanted{wish.name, wish.principal.empty() ? wish.name : wish.principal, {}, {}};
  for (const auto& text : wish.scopes) {
    const auto scope = parse_scope(text);
    if (!scope) return context.fail(scope.error());
    wanted.scopes.push_back(*scope);
  }
  const auto now = SystemClock().now();
  if (wish.days > 0) wanted.expires_at = now + static_cast<Timestamp>(wish.days * static_cast<double>(microseconds_per_day));
  auto store = store_of(context);
  const auto made = store.create(wanted, now);
  if (!made) return context.fail(made.error());
  if (context.json) {
    auto shown = as_json(made->token);
    shown["token"] = made->text;
    context.print_json(shown);
  } else {
    context.print(made->text);
    *context.err << "token " << made->token.name << " of " << made->token.principal << " (" << scopes_of(made->token)
                 << "): it is shown this once, only its digest is kept" << std::endl;
  }
  return exit_ok;
}

int list(Context& context) {
  const auto tokens = store_of(context).list();
  if (!tokens) return context.fail(tokens.error());
  if (context.json) {
    for (const auto& token : *tokens) context.print_json(as_json(token));
    return exit_ok;
  }
  Table rows({"NAME", "PRINCIPAL", "SCOPES", "CREATED", "EXPIRES", "LAST USED"});
  for (const auto& token : *tokens)
    rows.add({token.name, token.principal, scopes_of(token), format_time(token.created_at).substr(0, 10),
                    token.expires_at ? format_time(*token.expires_at).substr(0, 10) : "never",
                    token.last_used ? format_time(*token.last_used).substr(0, 16) : "never"});
  context.print(rows.text());
  return exit_ok;
}

}  // namespace

void add_tokens(CLI::App& app, Context& context) {
  auto& noun = *app.add_subcommand("token", "Bearer tokens of the HTTP interface, for a server with authentication (luthier up --auth)");
  noun.require_subcommand(1);
  const auto wish = std::make_shared<NewToken>();
  auto* make = add_verb(noun, "create", "Create a token and print it once", context, [&context, wish] { return create(context, *wish); });
  make->add_option("name", wish->name, "What the token is called")->required();
  make->add_option("--principal", wish->principal, "Whose it is: a user, an e-mail address or service:NAME (default: the name)");
  make->add_option("--scope", wish->scopes, "WORKSPACE=viewer, =editor or =admin; * is every workspace; may be repeated")->required();
  make->add_option("--days", wish->days, "How long it holds (default: until it is revoked)")->check(CLI::PositiveNumber);
  add_verb(noun, "list", "List tokens, without their secrets", context, [&context] { return list(context); });
  const auto name = std::make_shared<std::string>();
  auto* revoke = add_verb(noun, "revoke", "Revoke a token; it counts from the next request on", context, [&context, name] {
    auto store = store_of(context);
    const auto gone = store.revoke(*name);
    if (!gone) return context.fail(gone.error());
    context.print("revoked token " + gone->name);
    return int{exit_ok};
  });
  revoke->add_option("name", *name, "Its name or id")->required();
  add_examples(noun, {"luthier token create ada --scope default=editor --scope team-a=admin --days 90",
                      "luthier token create ci --principal service:ci --scope '*=viewer'"});
}

}  // namespace luthier::cli

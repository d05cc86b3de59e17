#include "actors/auth/access.hpp"

#include <catch2/catch.hpp>

namespace luthier::auth {
namespace {

const Members lab{{"vera", {"Viewer"}}, {"ed", {"Viewer", "Editor"}}, {"ada", {"Admin"}}, {"mail@example.com", {"Editor"}},
                  {"group:staff", {"Viewer"}}, {"odd", {"Auditor"}}, {"none", {}}};

Principal named(const std::string& id) {
  Principal principal;
  principal.id = id;
  return principal;
}

Principal with_token(const std::string& id, std::vector<Grant> scopes) {
  auto principal = named(id);
  principal.grants = scopes;
  principal.limits = scopes;
  return principal;
}

constexpr Action all_actions[] = {Action::read, Action::infer, Action::write, Action::read_secret, Action::manage_workspace};

// One letter an action: y allowed, n forbidden, - hidden.
std::string verdicts(const Principal& principal, std::string_view workspace = "lab", const Members& members = lab) {
  std::string text;
  for (const auto action : all_actions) {
    const auto decision = decide(principal, action, workspace, members);
    text += decision.verdict == Verdict::allowed ? 'y' : decision.verdict == Verdict::hidden ? '-' : 'n';
    CHECK(decision.message.empty() == (decision.verdict != Verdict::forbidden));
  }
  return text;
}

}  // namespace

TEST_CASE("members do what their role allows, and to others the workspace is not there") {
  CHECK(verdicts(named("vera")) == "yynnn");
  CHECK(verdicts(named("ed")) == "yyyyn");
  CHECK(verdicts(named("ada")) == "yyyyy");
  for (const auto* stranger : {"eve", "odd", "none", "", "VERA", "group:staff2"}) CHECK(verdicts(named(stranger)) == "-----");
  CHECK(decide(named("vera"), Action::write, "lab", lab).message ==
        "'vera' has the role viewer in workspace 'lab'; changing anything needs the role editor.");
}

TEST_CASE("a confirmed e-mail address and a group are members as well") {
  auto principal = named("0815");
  principal.email = "mail@example.com";
  CHECK(verdicts(principal) == "-----");
  principal.email_is_verified = true;
  CHECK(verdicts(principal) == "yyyyn");
  auto staff = named("0816");
  staff.groups = {"others", "staff"};
  CHECK(verdicts(staff) == "yynnn");
  CHECK(verdicts(named("x"), "open", {{"*", {"Viewer"}}}) == "yynnn");
}

TEST_CASE("the built-in workspaces are open to whoever is authenticated") {
  CHECK(verdicts(named("eve"), "default", {}) == "yyyyn");
  CHECK(verdicts(named("eve"), "system", {}) == "yynnn");
  CHECK(verdicts(named("ada"), "default", {{"ada", {"Admin"}}}) == "yyyyy");
}

TEST_CASE("what a token names is granted, and is its limit") {
  CHECK(verdicts(with_token("eve", {{"lab", Role::viewer}})) == "yynnn");
  CHECK(verdicts(with_token("eve", {{"lab", Role::viewer}}), "default", {}) == "-----");
  CHECK(verdicts(with_token("ada", {{"lab", Role::viewer}})) == "yynnn");  // an admin's token for looking
  CHECK(verdicts(with_token("ada", {{"default", Role::admin}})) == "-----");
  CHECK(verdicts(with_token("eve", {{"*", Role::editor}, {"lab", Role::viewer}})) == "yyyyn");
  auto admin = with_token("root", {{"lab", Role::editor}});
  admin.is_admin = true;
  CHECK(verdicts(admin) == "yyyyn");
  CHECK(verdicts(admin, "other", {}) == "-----");
}

TEST_CASE("an admin of the installation and a service see every workspace") {
  auto admin = named("root");
  admin.is_admin = true;
  CHECK(verdicts(admin) == "yyyyy");
  auto service = named("service:builder");
  service.is_service = true;
  CHECK(verdicts(service) == "yyyyn");
  CHECK(verdicts(service, "system", {}) == "yyyyn");
}

TEST_CASE("on behalf of a user the user's authority counts, within the service's limits") {
  auto service = named("service:builder");
  service.is_service = true;
  service.on_behalf_of = "vera";
  CHECK(verdicts(service) == "yynnn");
  CHECK_THAT(decide(service, Action::read_secret, "lab", lab).message, Catch::Matchers::Contains("'service:builder' on behalf of 'vera'"));
  CHECK_THAT(decide(service, Action::read_secret, "lab", lab).message, Catch::Matchers::Contains("secrets.read"));
  service.on_behalf_of = "eve";
  CHECK(verdicts(service) == "-----");
  service.on_behalf_of = "ada";
  service.limits = std::vector<Grant>{{"*", Role::editor}};
  CHECK(verdicts(service) == "yyyyn");
}

TEST_CASE("whoever is not limited may make a workspace, and only an admin administers") {
  const auto both = [](const Principal& principal) {
    return std::pair(may(principal, Action::create_workspace, "new", {}), may(principal, Action::administer, "", {}));
  };
  CHECK(both(named("eve")) == std::pair(true, false));
  CHECK(both(with_token("eve", {{"lab", Role::admin}})) == std::pair(false, false));
  CHECK(both(with_token("eve", {{"*", Role::viewer}})) == std::pair(false, false));
  CHECK(both(with_token("eve", {{"*", Role::editor}})) == std::pair(true, false));
  CHECK(both(with_token("eve", {{"*", Role::admin}})) == std::pair(true, true));
  auto admin = named("root");
  admin.is_admin = true;
  CHECK(both(admin) == std::pair(true, true));
  CHECK(decide(named("eve"), Action::administer, "", {}).verdict == Verdict::forbidden);
}

TEST_CASE("a list shows what one may see") {
  CHECK(may_see(named("vera"), "lab", lab));
  CHECK_FALSE(may_see(named("eve"), "lab", lab));
}

TEST_CASE("roles are read in the platform's spelling and in ours") {
  CHECK(parse_role("Viewer") == Role::viewer);
  CHECK(parse_role("editor") == Role::editor);
  CHECK(parse_role("ADMIN") == Role::admin);
  CHECK_FALSE(parse_role("Owner"));
  CHECK_FALSE(parse_role(""));
}

}  // namespace luthier::auth

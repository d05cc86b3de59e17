// NGC's registry, as its own client speaks it:
//
//   GET /v2/org/ORG[/team/TEAM]/models/NAME                          {"model": {"latestVersionIdStr", …}, …}
//   GET …/versions/VERSION/files?page-size=500[&page-number=1 …]     {"modelFiles": [{"path", "sizeInBytes", "sha256_base64"} …],
//                                                                     "paginationInfo": {"totalPages"}}
//   GET …/NAME/VERSION/files?path=PATH                               {"urls": [where the content is, signed], …}, or a redirect there
//
// Of a resource it is resources, recipe and recipeFiles. New keys are the token themselves; an old one is exchanged for a token.
#include <algorithm>
#include <optional>

#include "actors/hub/digests.hpp"
#include "actors/hub/file_list.hpp"
#include "actors/hub/get.hpp"
#include "actors/hub/source.hpp"
#include "events/json/value.hpp"

namespace luthier::hub {
namespace {

constexpr std::size_t page_bytes_max = 8 << 20;
constexpr std::int64_t pages_max = 1'000;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 255 && text != "." && text != ".." && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-_.+").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

struct Registry {
  Url host;
  const Ngc& source;
  std::string place;  // "api.ngc.nvidia.com: model nvidia/nemo/name"
  std::string token;

  bool has_team() const { return !source.team.empty() && source.team != "no-team"; }
  bool is_model() const { return source.target_type == "model"; }
  std::string artifact() const {
    return "/v2/org/" + source.org + (has_team() ? "/team/" + source.team : "") + (is_model() ? "/models/" : "/resources/") + source.target;
  }
  std::string catalogue_page() const {
    return "https://catalog.ngc.nvidia.com/orgs/" + source.org + (has_team() ? "/teams/" + source.team : "") +
           (is_model() ? "/models/" : "/resources/") + source.target;
  }
  Request request(const std::string& target) const {
    Request request{below(host, target), {{"Accept", "application/json"}}, {}};
    if (!token.empty()) request.credentials.push_back({"Authorization", "Bearer " + token});
    return request;
  }
};

Error explain(const Registry& registry, int status, const std::string& version) {
  const auto& place = registry.place;
  if (status == 401 && !registry.source.api_key.empty())
    return invalid(place + ": wrong: NGC does not accept this key; it may have been deleted or have expired", "api_key_secret.value");
  if (status == 401) return invalid(place + ": denied: give an NGC key as api_key_secret", "api_key_secret");
  if (status == 403)
    return invalid(place + ": denied: the key may not read it; is the key of organisation " + registry.source.org + "?", "api_key_secret");
  if (status == 412)
    return invalid(place + ": gated: accept its terms at " + registry.catalogue_page() + " with the account of this key, and try again",
                   std::string(field_terms));
  if (status == 404 && !version.empty())
    return {ErrorCode::not_found, place + ": it has no version \"" + quotable(version) + "\"", "version"};
  if (status == 404)
    return {ErrorCode::not_found, place + ": there is no such " + registry.source.target_type + ", or the key may not see it", "target"};
  return placed(unexpected_status(registry.host, status, "reading it"), place);
}

const json::Value* find(const json::Value& value, std::initializer_list<std::string_view> names) {
  const auto* found = &value;
  for (const auto name : names)
    if (!found || !(found = found->find(name))) return nullptr;
  return found;
}

std::string text_of(const json::Value* value) { return value && value->text() ? *value->text() : std::string(); }
std::int64_t number_of(const json::Value* value, std::int64_t otherwise) {
  const auto* held = value ? std::get_if<std::int64_t>(&value->held) : nullptr;
  return held ? *held : otherwise;
}

// A key that starts so, or that is a signed token already, is sent as it is.
bool is_token(const std::string& key) {
  return key.rfind("nvapi-", 0) == 0 || (key.rfind("eyJ", 0) == 0 && std::count(key.begin(), key.end(), '.') == 2);
}

Result<std::string> token_for(const Registry& registry, const Transfer& transfer) {
  const auto& source = registry.source;
  if (source.api_key.empty() || is_token(source.api_key)) return source.api_key;
  auto endpoint = parse_url(source.token_endpoint, "token_endpoint");
  if (!endpoint) return endpoint.error();
  const auto scope = "group/ngc:" + source.org;
  endpoint->target += "?service=ngc&scope=" + scope + (registry.has_team() ? "&scope=" + scope + "/" + source.team : "");
  Request request{
      *endpoint, {{"Accept", "application/json"}}, {{"Authorization", "Basic " + base64_encoded("$oauthtoken:" + source.api_key)}}};
  const auto page = get_page(request, 1 << 20, transfer);
  if (!page) return placed(page.error(), registry.place);
  if (page->head.status == 400 || page->head.status == 401 || page->head.status == 403) return explain(registry, 401, {});
  if (page->head.status != 200) return explain(registry, page->head.status, {});
  const auto value = read_json(*page, registry.place);
  if (!value) return value.error();
  const auto token = text_of(value->find("token"));
  if (token.empty() || !is_header_value(token))
    return Error{ErrorCode::unavailable, registry.place + ": " + endpoint->authority() + " gives no token for the key", {}};
  return token;
}

Result<Registry> registry_of(const Ngc& source, const Transfer& transfer) {
  auto host = parse_url(source.host, "host");
  if (!host) return host.error();
  if (source.target_type != "model" && source.target_type != "resource")
    return invalid("target_type is \"model\" or \"resource\", not \"" + quotable(source.target_type) + "\"", "target_type");
  for (const auto& [text, field] : {std::pair(&source.org, "org"), std::pair(&source.target, "target")})
    if (!is_name(*text)) return invalid("\"" + quotable(*text) + "\" is no name that NGC has", field);
  if (!source.team.empty() && !is_name(source.team)) return invalid("\"" + quotable(source.team) + "\" is no name that NGC has", "team");
  if (!source.version.empty() && !is_name(source.version))
    return invalid("\"" + quotable(source.version) + "\" is no version that NGC has", "version");
  Registry registry{*host, source, {}, {}};
  registry.place = host->authority() + ": " + source.target_type + " " + source.org + "/" + (registry.has_team() ? source.team + "/" : "") +
                   source.target;
  if (!std::all_of(source.api_key.begin(), source.api_key.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; }))
    return invalid(registry.place + ": wrong: the secret's value cannot be a key, since it has a blank or a line break in it",
                   "api_key_secret.value");
  auto token = token_for(registry, transfer);
  if (!token) return token.error();
  registry.token = std::move(*token);
  return registry;
}

// Also says whether the artefact is there at all.
Result<std::string> latest_version(const Registry& registry, const Transfer& transfer) {
  const auto page = get_page(registry.request(registry.artifact()), page_bytes_max, transfer);
  if (!page) return placed(page.error(), registry.place);
  if (page->head.status != 200) return explain(registry, page->head.status, {});
  const auto value = read_json(*page, registry.place);
  if (!value) return value.error();
  return text_of(find(*value, {registry.is_model() ? "model" : "recipe", "latestVersionIdStr"}));
}

Result<void> add_files(const Registry& registry, const json::Value& answer, FileList& files) {
  const auto* list = answer.find(registry.is_model() ? "modelFiles" : "recipeFiles");
  if (!list || !list->array()) return {};
  for (const auto& entry : *list->array()) {
    RemoteFile file{text_of(entry.find("path")), number_of(entry.find("sizeInBytes"), -1), {}, {}, {}};
    if (const auto bytes = base64_decoded(text_of(entry.find("sha256_base64"))); bytes && bytes->size() == 32)
      file.sha256 = hex_encoded(*bytes);
    if (auto added = files.add(std::move(file)); !added) return added;
  }
  return {};
}

}  // namespace

Result<Listing> list_files(const Ngc& source, const Transfer& transfer) {
  const auto registry = registry_of(source, transfer);
  if (!registry) return registry.error();
  auto version = source.version;
  if (version.empty()) {
    auto latest = latest_version(*registry, transfer);
    if (!latest) return latest.error();
    if (!is_name(*latest)) return Error{ErrorCode::not_found, registry->place + ": it has no version yet", "version"};
    version = std::move(*latest);
  }
  FileList files(registry->place, transfer.files_max);
  const auto target = registry->artifact() + "/versions/" + percent_encoded(version) + "/files?page-size=500";
  for (std::int64_t number = 0, pages = 1; number < pages; ++number) {
    const auto page =
        get_page(registry->request(number == 0 ? target : target + "&page-number=" + std::to_string(number)), page_bytes_max, transfer);
    if (!page) return placed(page.error(), registry->place);
    if (page->head.status == 404)  // of what?
      if (auto artefact = latest_version(*registry, transfer); !artefact) return artefact.error();
    if (page->head.status != 200) return explain(*registry, page->head.status, version);
    const auto value = read_json(*page, registry->place);
    if (!value) return value.error();
    if (auto added = add_files(*registry, *value, files); !added) return added.error();
    pages = number_of(find(*value, {"paginationInfo", "totalPages"}), 1);
    if (pages > pages_max) return Error{ErrorCode::limit, registry->place + ": its listing has no end", "files"};
  }
  auto all = files.finish();
  if (!all) return all.error();
  return Listing{version, std::move(*all)};
}

namespace {

// Where the content is kept: on another host, which gets no token of ours.
Result<Request> content_request(const Registry& registry, const std::string& version, const RemoteFile& file, const Transfer& transfer) {
  const auto ask = registry.request(registry.artifact() + "/" + percent_encoded(version) + "/files?path=" + percent_encoded(file.path));
  std::string body;
  const Pace pace{transfer.read_timeout, transfer.bytes_per_second_min, transfer.answer_timeout};
  const auto head = exchange(ask, pace, transfer,
                             {[](const Head& head) -> Result<bool> { return head.status == 200; },
                              [&](std::string_view bytes) -> Result<void> {
                                if (body.size() + bytes.size() > 1 << 20)
                                  return Error{ErrorCode::unavailable, "the answer is too long", {}};
                                body += bytes;
                                return {};
                              }});
  if (!head) return head.error();
  std::string location;
  if (is_redirect(*head)) {
    location = head->find("Location");
  } else if (head->status == 404) {
    return Error{ErrorCode::not_found, registry.place + ": version " + version + " has no file \"" + quotable(file.path) + "\"", "path"};
  } else if (head->status != 200) {
    return explain(registry, head->status, version);
  } else {
    const auto value = json::parse(body, {.bytes_max = 1 << 20, .depth_max = 16});
    const auto* urls = value ? value->find("urls") : nullptr;
    if (urls && urls->array() && urls->array()->size() == 1) location = text_of(&urls->array()->front());
    if (location.empty() && value) location = text_of(value->find("url"));
  }
  auto url = resolve(ask.url, location);
  if (location.empty() || !url || (ask.url.is_tls() && !url->is_tls()))
    return Error{ErrorCode::unavailable, registry.place + ": the answer does not say where " + quotable(file.path) + " is kept", {}};
  return Request{*url, {}, {}};
}

}  // namespace

Result<Download> download_of(const Ngc& source, const Listing& listing, const RemoteFile& file, const Transfer& transfer) {
  auto registry = registry_of(source, transfer);
  if (!registry) return registry.error();
  if (!is_name(listing.revision)) return invalid("the listing has no version", "version");
  Download made;
  made.place = registry->place + ": " + file.path;
  made.identity = "ngc " + source.host + registry->artifact() + " " + listing.revision + " " + file.path + " " + std::to_string(file.size) +
                  " " + file.sha256;
  made.request = [registry = *registry, &listing, &file, &transfer] { return content_request(registry, listing.revision, file, transfer); };
  made.explain = [registry = *registry](const Head& head, const std::string&) {
    // The content's own host knows no key: its address has grown old, or the file has gone.
    if (head.status == 403) return Error{ErrorCode::unavailable, registry.place + ": the address of the content is no longer good", {}};
    return placed(unexpected_status(registry.host, head.status, "reading its content"), registry.place);
  };
  return made;
}

}  // namespace luthier::hub

// The hub's protocol, as its own client speaks it:
//
//   GET /api/models/REPO/revision/REV              {"sha": COMMIT, …}
//   GET /api/models/REPO/auth-check                200, or why its files may not be read
//   GET /api/models/REPO/tree/COMMIT?recursive=true  [{"type": "file", "path", "size", "oid", "lfs": {"oid": SHA-256, "size"}} …], and
//                                                  Link: <…>; rel="next" where there is more
//   GET /REPO/resolve/COMMIT/PATH                  the content, or a redirect to where it is kept, which is another host and must not get
//   the
//                                                  token; X-Repo-Commit says of which commit it is
//
// datasets/ and spaces/ stand before REPO in the last. Refusals say why in X-Error-Code; a mirror may leave that out.
#include <algorithm>
#include <optional>

#include "actors/hub/digests.hpp"
#include "actors/hub/file_list.hpp"
#include "actors/hub/get.hpp"
#include "actors/hub/source.hpp"
#include "events/json/value.hpp"

namespace luthier::hub {
namespace {

constexpr std::size_t page_bytes_max = 16 << 20, entries_max = 100'000;
constexpr int pages_max = 1'000;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && text != "." && text != ".." && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
  });
}

bool is_repository(std::string_view text) {
  const auto slash = text.find('/');
  return is_name(text.substr(0, slash)) && (slash == std::string_view::npos || is_name(text.substr(slash + 1)));
}

std::string trimmed_slashes(std::string text) {
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

// The one that is asked, with everything about it that was checked.
struct Hub {
  Url endpoint;
  const HuggingFace& source;
  std::string place;  // "huggingface.co: model Qwen/Qwen3-0.6B"

  std::string api() const { return "/api/" + source.repo_type + "s/" + source.repo_id; }
  std::string page() const { return (source.repo_type == "model" ? "/" : "/" + source.repo_type + "s/") + source.repo_id; }
  Request request(const std::string& target) const {
    Request request{below(endpoint, target), {}, {}};
    if (!source.token.empty()) request.credentials.push_back({"Authorization", "Bearer " + source.token});
    return request;
  }
};

Result<Hub> hub_of(const HuggingFace& source) {
  auto endpoint = parse_url(source.endpoint, "endpoint");
  if (!endpoint) return endpoint.error();
  if (endpoint->target.find('?') != std::string::npos) return invalid("the endpoint must not have a query", "endpoint");
  if (source.repo_type != "model" && source.repo_type != "dataset" && source.repo_type != "space")
    return invalid("repo_type is \"model\", \"dataset\" or \"space\", not \"" + quotable(source.repo_type) + "\"", "repo_type");
  if (!is_repository(source.repo_id))
    return invalid("\"" + quotable(source.repo_id) + "\" is no repository: it has the form NAME or OWNER/NAME", "repo_id");
  if (source.revision.empty() || source.revision.size() > 255) return invalid("a revision is a branch, a tag or a commit", "revision");
  const bool is_token = std::all_of(source.token.begin(), source.token.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (!is_token)
    return invalid(endpoint->authority() + ": wrong: the secret's value cannot be a token, since it has a blank or a line break in it",
                   "token_secret.value");
  return Hub{*endpoint, source, endpoint->authority() + ": " + source.repo_type + " " + source.repo_id};
}

std::string said(const Hub& hub, const Head& head, const std::string& body) {
  auto text = head.find("X-Error-Message");
  if (text.empty())
    if (const auto value = json::parse(body, {.bytes_max = 64 * 1024, .depth_max = 16}))
      if (const auto* error = value->find("error"); error && error->text()) text = *error->text();
  return quotable(text, hub.source.token);
}

Error gated(const Hub& hub) {
  const auto page = trimmed_slashes(hub.endpoint.origin() + hub.endpoint.target) + hub.page();
  return invalid(hub.place + ": gated: " +
                     (hub.source.token.empty()
                          ? "accept its terms at " + page + ", and give a token of that account as token_secret"
                          : "accept its terms at " + page + " with the account of this token, and try again; some owners must agree first"),
                 std::string(field_terms));
}

Error denied(const Hub& hub, const std::string& words) {
  const auto quote = words.empty() ? std::string() : " (\"" + words + "\")";
  if (hub.source.token.empty())
    return invalid(hub.place + ": denied: it is private, or does not exist; give as token_secret a token of an account that may read it",
                   "token_secret");
  return invalid(hub.place + ": denied: the account of this token may not read it" + quote +
                     "; a fine-grained token needs the right to read this repository, and gated ones",
                 "token_secret");
}

Error missing_repository(const Hub& hub) {
  return {ErrorCode::not_found,
          hub.place + ": there is no such repository" +
              (hub.source.token.empty() ? "; if it is private, give token_secret"
                                        : ", or it is private and the account of this token may not see it"),
          "repo_id"};
}

Error missing_revision(const Hub& hub, const std::string& revision) {
  return {ErrorCode::not_found, hub.place + ": it has no revision \"" + quotable(revision) + "\"", "revision"};
}

Error explain(const Hub& hub, const Head& head, const std::string& body, const std::string& revision, const std::string& file) {
  const auto code = head.find("X-Error-Code");
  const auto words = said(hub, head, body);
  const Error missing_file{ErrorCode::not_found,
                           hub.place + ": it has no file \"" + quotable(file) + "\" at revision " + quotable(revision), "path"};
  if (code == "GatedRepo") return gated(hub);
  if (code == "RevisionNotFound") return missing_revision(hub, revision);
  if (code == "EntryNotFound") return missing_file;
  if (words == "Access to this resource is disabled.") return invalid(hub.place + ": denied: the hub has disabled it", "repo_id");
  if (head.status == 401) {
    if (hub.source.token.empty()) return denied(hub, words);
    if (code == "RepoNotFound") return missing_repository(hub);
    return invalid(hub.place + ": wrong: the hub does not know this token; it may have been revoked, or belong to another hub",
                   "token_secret.value");
  }
  if (head.status == 403) return denied(hub, words);
  if (head.status == 404) return code.empty() && !file.empty() ? missing_file : missing_repository(hub);
  return placed(unexpected_status(hub.endpoint, head.status, words.empty() ? "reading it" : "reading it (\"" + words + "\")"), hub.place);
}

// A mirror that says 404 and no more: is it the repository or the revision?
Result<bool> has_repository(const Hub& hub, const Transfer& transfer) {
  const auto page = get_page(hub.request(hub.api()), page_bytes_max, transfer);
  if (!page) return placed(page.error(), hub.place);
  return page->head.status == 200;
}

Result<std::string> pinned(const Hub& hub, const Transfer& transfer) {
  const auto& revision = hub.source.revision;
  const auto page = get_page(hub.request(hub.api() + "/revision/" + percent_encoded(revision)), page_bytes_max, transfer);
  if (!page) return placed(page.error(), hub.place);
  if (page->head.status == 404 && page->head.find("X-Error-Code").empty()) {
    const auto exists = has_repository(hub, transfer);
    if (!exists) return exists.error();
    return *exists ? missing_revision(hub, revision) : missing_repository(hub);
  }
  if (page->head.status != 200) return explain(hub, page->head, page->body, revision, {});
  const auto value = read_json(*page, hub.place);
  if (!value) return value.error();
  const auto* sha = value->find("sha");
  if (!sha || !sha->text() || !is_hex(*sha->text(), 40))
    return Error{
        ErrorCode::unavailable, hub.place + ": the answer names no commit: does " + page->url.origin() + " speak like the hub?", {}};
  if (is_hex(revision, 40) && *sha->text() != revision)
    return Error{ErrorCode::not_found, hub.place + ": asked for commit " + revision + ", it answers with " + *sha->text(), "revision"};
  return *sha->text();
}

// The names of a gated repository's files are for everybody, its files are not: this tells before a transfer has begun. A mirror that
// does not know the question lets everybody in, as far as we can tell.
Result<void> may_read(const Hub& hub, const std::string& commit, const Transfer& transfer) {
  const auto page = get_page(hub.request(hub.api() + "/auth-check"), page_bytes_max, transfer);
  if (!page) return placed(page.error(), hub.place);
  if (page->head.status == 401 || page->head.status == 403) return explain(hub, page->head, page->body, commit, {});
  return {};
}

// nullopt: no file.
std::optional<RemoteFile> file_of(const json::Value& entry) {
  const auto* type = entry.find("type");
  const auto* path = entry.find("path");
  if (!path || !path->text() || (type && type->text() && *type->text() != "file")) return std::nullopt;
  const auto number = [](const json::Value* value) {
    const auto* held = value ? std::get_if<std::int64_t>(&value->held) : nullptr;
    return held ? *held : std::int64_t{-1};
  };
  const auto text = [](const json::Value* value) { return value && value->text() ? *value->text() : std::string(); };
  RemoteFile file{*path->text(), number(entry.find("size")), {}, {}, {}};
  const auto* lfs = entry.find("lfs");
  if (lfs && lfs->object()) {
    const auto oid = text(lfs->find("oid"));
    file.sha256 = oid.rfind("sha256:", 0) == 0 ? oid.substr(7) : oid;
    if (!is_hex(file.sha256, 64)) file.sha256.clear();
    if (number(lfs->find("size")) >= 0) file.size = number(lfs->find("size"));
  } else if (const auto oid = text(entry.find("oid")); is_hex(oid, 40)) {
    file.git_oid = oid;
  }
  return file;
}

// <https://…>; rel="next"
std::string next_of(const Head& head) {
  const auto link = head.find("Link");
  for (std::size_t at = 0; (at = link.find('<', at)) != std::string::npos;) {
    const auto end = link.find('>', at);
    if (end == std::string::npos) return {};
    const auto parameters = link.substr(end + 1, link.find('<', end) - end - 1);
    if (parameters.find("rel=\"next\"") != std::string::npos || parameters.find("rel=next") != std::string::npos)
      return link.substr(at + 1, end - at - 1);
    at = end;
  }
  return {};
}

}  // namespace

Result<Listing> list_files(const HuggingFace& source, const Transfer& transfer) {
  const auto hub = hub_of(source);
  if (!hub) return hub.error();
  const auto commit = pinned(*hub, transfer);
  if (!commit) return commit.error();
  if (auto allowed = may_read(*hub, *commit, transfer); !allowed) return allowed.error();
  FileList files(hub->place, transfer.files_max);
  std::size_t entries = 0;
  auto request = hub->request(hub->api() + "/tree/" + *commit + "?recursive=true&expand=false");
  for (int pages = 1;; ++pages) {
    const auto page = get_page(request, page_bytes_max, transfer);
    if (!page) return placed(page.error(), hub->place);
    if (page->head.status != 200) return explain(*hub, page->head, page->body, *commit, {});
    const auto value = read_json(*page, hub->place);
    if (!value) return value.error();
    if (!value->array()) return Error{ErrorCode::unavailable, hub->place + ": the answer is no list of files", {}};
    if ((entries += value->array()->size()) > entries_max || pages == pages_max)
      return Error{ErrorCode::limit, hub->place + ": its listing has no end", "files"};
    for (const auto& entry : *value->array())
      if (auto file = file_of(entry))
        if (auto added = files.add(std::move(*file)); !added) return added.error();
    const auto next = next_of(page->head);
    if (next.empty()) break;
    auto url = resolve(page->url, next);
    if (!url || (page->url.is_tls() && !url->is_tls()))
      return Error{ErrorCode::unavailable, hub->place + ": the next page of its listing has an address that cannot be", {}};
    if (!url->has_origin_of(hub->endpoint)) request.credentials.clear();
    request.url = std::move(*url);
  }
  auto all = files.finish();
  if (!all) return all.error();
  return Listing{*commit, std::move(*all)};
}

Result<Download> download_of(const HuggingFace& source, const Listing& listing, const RemoteFile& file, const Transfer&) {
  auto hub = hub_of(source);
  if (!hub) return hub.error();
  if (!is_hex(listing.revision, 40)) return invalid("the listing has no commit", "revision");
  Download made;
  made.place = hub->place + ": " + file.path;
  made.identity = "hf " + source.endpoint + " " + source.repo_type + " " + source.repo_id + " " + listing.revision + " " + file.path + " " +
                  std::to_string(file.size) + " " + file.sha256 + file.git_oid;
  made.request = [hub = *hub, &listing, &file]() -> Result<Request> {
    return hub.request(hub.page() + "/resolve/" + listing.revision + "/" + percent_encoded(file.path, "/"));
  };
  made.check = [&listing, &file](const Head& head) -> Result<void> {
    const auto commit = head.find("X-Repo-Commit"), size = head.find("X-Linked-Size");
    if (is_hex(commit, 40) && commit != listing.revision)
      return Error{ErrorCode::conflict, "the store answers for commit " + commit + " where " + listing.revision + " was asked for", "path"};
    if (!size.empty() && size != std::to_string(file.size))
      return Error{ErrorCode::corrupt,
                   "the store says that it has " + quotable(size) + " bytes where its listing says " + std::to_string(file.size), "path"};
    return {};
  };
  made.explain = [hub = *hub, &listing, &file](const Head& head, const std::string& body) {
    return explain(hub, head, body, listing.revision, file.path);
  };
  return made;
}

}  // namespace luthier::hub

// A hub with one repository, "owner/name", as the real one speaks: pages of two entries, content in LFS on another host.
#pragma once

#include <map>

#include "actors/hub/digests.hpp"
#include "actors/hub/servers_test.hpp"
#include "events/base/sha256.hpp"

namespace luthier::hub {

inline const std::string commit = "0123456789abcdef0123456789abcdef01234567";

struct HubDouble {
  std::map<std::string, std::string> small{{"config.json", "{\"hidden_size\": 8}\n"}, {"a dir/été #1.txt", "accents\n"}, {"empty", ""}};
  std::map<std::string, std::string> large{{"model.safetensors", pattern(1'500'000)}};
  std::string token;                       // what it wants to see; empty: it is public
  bool is_gated = false, speaks_codes = true;
  std::string type = "model", prefix;      // of the path, for a mirror
  std::function<void(httplib::Response&)> change_tree = [](httplib::Response&) {};
  // The content of a large file, from the CDN; the default sends all of it, or the range asked for.
  std::function<void(const httplib::Request&, httplib::Response&, const std::string& bytes)> send =
      [](const httplib::Request&, httplib::Response& response, const std::string& bytes) {
        response.set_header("ETag", "\"of-the-cdn\"");
        response.set_content(bytes, "application/octet-stream");
      };
  WebServer cdn{[this](const httplib::Request& request, httplib::Response& response) {
    const auto file = large.find(request.path.substr(1));
    if (file == large.end()) return refuse(response, 404, "");
    send(request, response, file->second);
  }};
  WebServer hub{[this](const httplib::Request& request, httplib::Response& response) { answer(request, response); }};

  HuggingFace source() const { return {hub.endpoint() + prefix, "owner/name", type, "main", token}; }

 private:
  void refuse(httplib::Response& response, int status, const std::string& code, const std::string& message = {}) const {
    response.status = status;
    if (speaks_codes && !code.empty()) response.set_header("X-Error-Code", code);
    if (speaks_codes && !message.empty()) response.set_header("X-Error-Message", message);
    response.set_content("{\"error\": \"" + message + "\"}", "application/json");
  }

  void answer(const httplib::Request& request, httplib::Response& response) {
    const auto authorization = request.get_header_value("Authorization");
    const bool is_right = authorization == "Bearer " + token;
    if (!authorization.empty() && !is_right && authorization != "Bearer of-somebody-else")
      return refuse(response, 401, "", "Invalid credentials in Authorization header");
    const auto api = prefix + "/api/" + type + "s/owner/name", page = prefix + (type == "model" ? "/" : "/" + type + "s/") + "owner/name";
    // Everybody may see what a gated repository has.
    const bool is_open = request.path.rfind(api + "/revision/", 0) == 0 || request.path.rfind(api + "/tree/", 0) == 0;
    if (is_gated && !is_right && !is_open)
      return refuse(response, authorization.empty() ? 401 : 403, "GatedRepo", "Access to it is restricted");
    const bool is_ours = request.path.rfind(api, 0) == 0 || request.path.rfind(page, 0) == 0;
    if (!is_ours || (!token.empty() && !is_right && !is_gated))
      return refuse(response, authorization.empty() && speaks_codes ? 401 : 404, "RepoNotFound", "Repository not found");
    if (request.path == api + "/auth-check" && !speaks_codes) return refuse(response, 404, "");
    if (request.path == api || request.path == api + "/auth-check") return response.set_content("{}", "application/json");
    if (request.path == api + "/revision/main" || request.path == api + "/revision/" + commit ||
        request.path == api + "/revision/refs/pr/1")
      return response.set_content("{\"id\": \"owner/name\", \"sha\": \"" + commit + "\"}", "application/json");
    if (request.path.rfind(api + "/revision/", 0) == 0) return refuse(response, 404, "RevisionNotFound", "Invalid rev id");
    if (request.path == api + "/tree/" + commit) return tree(request, response);
    const auto resolve = page + "/resolve/" + commit + "/";
    if (request.path.rfind(resolve, 0) != 0) return refuse(response, 404, "EntryNotFound", "Entry not found");
    content(request.path.substr(resolve.size()), response);
  }

  void tree(const httplib::Request& request, httplib::Response& response) {
    std::vector<std::string> entries{R"({"type": "directory", "oid": "00", "size": 0, "path": "a dir"})"};
    for (const auto& [path, bytes] : small)
      entries.push_back("{\"type\": \"file\", \"size\": " + std::to_string(bytes.size()) + ", \"path\": \"" + path + "\", \"oid\": \"" +
                        git_oid(bytes) + "\"}");
    for (const auto& [path, bytes] : large)
      entries.push_back("{\"type\": \"file\", \"size\": " + std::to_string(bytes.size()) + ", \"path\": \"" + path +
                        "\", \"oid\": \"00\", \"lfs\": {\"oid\": \"" + sha256_hex(bytes) + "\", \"size\": " + std::to_string(bytes.size()) +
                        ", \"pointerSize\": 134}}");
    const auto cursor = request.has_param("cursor") ? std::stoul(request.get_param_value("cursor").substr(3)) : 0;
    std::string body;
    for (std::size_t i = cursor; i < std::min<std::size_t>(cursor + 2, entries.size()); ++i) body += (body.empty() ? "" : ",") + entries[i];
    response.set_content("[" + body + "]", "application/json");
    // A cursor with characters that must stay encoded.
    if (cursor + 2 < entries.size())
      response.set_header("Link", "<" + hub.endpoint() + prefix + "/api/" + type + "s/owner/name/tree/" + commit +
                                      "?recursive=true&cursor=%2B%3D%26" + std::to_string(cursor + 2) + ">; rel=\"next\"");
    change_tree(response);
  }

  void content(const std::string& path, httplib::Response& response) {
    if (const auto file = small.find(path); file != small.end()) {
      response.set_header("X-Repo-Commit", commit);
      response.set_header("ETag", "\"" + git_oid(file->second) + "\"");
      response.set_content(file->second, "text/plain");
    } else if (const auto file = large.find(path); file != large.end()) {
      response.set_header("X-Repo-Commit", commit);
      response.set_header("X-Linked-Size", std::to_string(file->second.size()));
      response.set_header("X-Linked-Etag", "\"" + sha256_hex(file->second) + "\"");
      response.set_redirect(cdn.endpoint_as_localhost() + "/" + path + "?signature=secret", 302);
    } else {
      refuse(response, 404, "EntryNotFound", "Entry not found");
    }
  }

  static std::string git_oid(const std::string& bytes) {
    WeakDigest digest(WeakDigest::Kind::sha1);
    digest.update("blob " + std::to_string(bytes.size()) + std::string(1, '\0') + bytes);
    return digest.hex();
  }
};

}  // namespace luthier::hub

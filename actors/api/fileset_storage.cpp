#include "actors/api/fileset_storage.hpp"

#include <algorithm>

#include "actors/auth/url.hpp"

namespace luthier::api {
namespace {

using rest::Json;

std::optional<rest::Answer> refuse_host(const ApiSettings& settings, const std::string& url, const char* member) {
  const auto wanted = auth::parse_url(url, member);
  if (!wanted) return rest::detail(400, std::string("storage.") + member + " is no URL that can be asked: " + wanted.error().message);
  std::string allowed;
  for (const auto& host : settings.external_hosts) {
    const auto one = auth::parse_url(host, "external_hosts");
    if (one && one->origin == wanted->origin) return std::nullopt;
    allowed += (allowed.empty() ? "" : ", ") + host;
  }
  return rest::detail(400, "The storage's host " + wanted->origin + " is not on the list of allowed hosts: " + allowed + ".");
}

// "name" or "workspace/name"
std::optional<rest::Answer> refuse_secret(const Context& context, const std::string& reference) {
  const auto slash = reference.find('/');
  const auto workspace = slash == reference.npos ? context.workspace() : reference.substr(0, slash);
  const auto name = slash == reference.npos ? reference : reference.substr(slash + 1);
  if (!context.may(auth::Action::read_secret, workspace))
    return rest::detail(400, "The storage's secret " + workspace + "/" + name + " was not found, or you may not read it.");
  if (workspace == "system" && name == "ngc-api-key" && !context.services.settings.ngc_api_key.empty()) return std::nullopt;
  const auto row = context.services.platform.read_models().get("secret", workspace, name);
  if (row && *row) return std::nullopt;
  return rest::detail(400, "The storage's secret " + workspace + "/" + name + " was not found; create it first.");
}

}  // namespace

std::optional<rest::Answer> refuse_storage(const Context& context, const Json& storage) {
  const auto& settings = context.services.settings;
  const auto type = text_or_empty(storage, "type");
  if (type == "local" && !settings.allows_local_storage)
    return rest::detail(400, "Creating filesets with local storage is not allowed here; leave storage out, and upload the files.");
  if (type == "s3" && storage.value("use_sdk_auth", false))
    return rest::detail(400, "use_sdk_auth=true is not allowed; name access_key_id_secret and secret_access_key_secret.");
  for (const char* member : {"endpoint", "host", "endpoint_url"})
    if (const auto url = text_or_empty(storage, member); !url.empty())
      if (auto refusal = refuse_host(settings, url, member)) return refusal;
  for (const char* member : {"token_secret", "api_key_secret", "access_key_id_secret", "secret_access_key_secret"})
    if (const auto reference = text_or_empty(storage, member); !reference.empty())
      if (auto refusal = refuse_secret(context, reference)) return refusal;
  return std::nullopt;
}

}  // namespace luthier::api

#include "actors/api/fileset_storage.hpp"

#include <algorithm>
#include <chrono>

#include "actors/api/import_state.hpp"
#include "actors/api/outside_store.hpp"
#include "actors/auth/url.hpp"

namespace luthier::api {
namespace {

using rest::Json;
using namespace std::chrono_literals;

constexpr auto contact_time_max = 30s;

// A store that is slow now is better asked again by the client than waited for.
hub::Transfer patience_of_a_request(const Context& context) {
  auto transfer = transfer_for(context.services.settings);
  transfer.connect_timeout = 5s;
  transfer.read_timeout = 10s;
  transfer.answer_timeout = 20s;
  transfer.attempts = 3;
  transfer.backoff_max = 2s;
  transfer.files_max = import_files_max;
  transfer.cancel = [&exchange = context.exchange, until = std::chrono::steady_clock::now() + contact_time_max] {
    return std::chrono::steady_clock::now() > until || exchange.client_has_gone();
  };
  return transfer;
}

rest::Answer refusal_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::cancelled:
      return rest::detail(502, "The fileset's storage has not answered within " + std::to_string(contact_time_max.count()) + " s; try again later.");
    case ErrorCode::unavailable:
    case ErrorCode::corrupt:
    case ErrorCode::io:
    case ErrorCode::out_of_memory:
    case ErrorCode::internal:
      return rest::detail(502, "The fileset's storage cannot be read now: " + error.message + ".");
    case ErrorCode::invalid:
    case ErrorCode::not_found:
    case ErrorCode::forbidden:
    case ErrorCode::conflict:
    case ErrorCode::limit: break;
  }
  return rest::detail(400, "The fileset's storage cannot be used: " + error.message + ".");
}

// What the store answers for is kept under the member's name, what was asked for beside it.
void pin(Json& storage, const std::string& revision) {
  const auto type = text_or_empty(storage, "type");
  const std::string member = type == "huggingface" ? "revision" : type == "ngc" ? "version" : "";
  if (member.empty() || revision.empty()) return;
  storage["original_" + member] = storage[member];
  storage[member] = revision;
}

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

// Amazon's own hosts follow from bucket and region: one name on the list stands for all regions, or for one.
std::optional<rest::Answer> refuse_amazon(const ApiSettings& settings, const Json& storage) {
  if (text_or_empty(storage, "type") != "s3" || !text_or_empty(storage, "endpoint_url").empty()) return std::nullopt;
  const auto region = text_or_empty(storage, "region");
  const auto of_region = "https://s3." + (region.empty() ? std::string("us-east-1") : region) + ".amazonaws.com";
  if (!refuse_host(settings, "https://s3.amazonaws.com", "endpoint_url")) return std::nullopt;
  return refuse_host(settings, of_region, "region");
}

// The data directory holds keys, and the files of every workspace.
std::optional<rest::Answer> refuse_directory(const ApiSettings& settings, const Json& storage) {
  if (text_or_empty(storage, "type") != "local") return std::nullopt;
  if (!settings.allows_local_storage)
    return rest::detail(400, "Creating filesets with local storage is not allowed here; leave storage out, and upload the files.");
  std::error_code error;
  const std::filesystem::path path = text_or_empty(storage, "path");
  const auto wanted = std::filesystem::canonical(path, error);
  if (error || !path.is_absolute() || !std::filesystem::is_directory(wanted, error))
    return rest::detail(400, "storage.path is no directory of the server's machine that can be read; an absolute path is needed.");
  const auto own = std::filesystem::weakly_canonical(settings.filesets_root.parent_path(), error);
  const auto is_within = [](const std::filesystem::path& inner, const std::filesystem::path& outer) {
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
  };
  if (is_within(wanted, own) || is_within(own, wanted))
    return rest::detail(400, "storage.path must lie outside of the server's own data, and must not contain it.");
  return std::nullopt;
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
  if (type == "s3" && storage.value("use_sdk_auth", false))
    return rest::detail(400, "use_sdk_auth=true is not allowed; name access_key_id_secret and secret_access_key_secret.");
  for (const char* member : {"endpoint", "host", "endpoint_url"})
    if (const auto url = text_or_empty(storage, member); !url.empty())
      if (auto refusal = refuse_host(settings, url, member)) return refusal;
  if (auto refusal = refuse_amazon(settings, storage)) return refusal;
  if (auto refusal = refuse_directory(settings, storage)) return refusal;
  for (const char* member : {"token_secret", "api_key_secret", "access_key_id_secret", "secret_access_key_secret"})
    if (const auto reference = text_or_empty(storage, member); !reference.empty())
      if (auto refusal = refuse_secret(context, reference)) return refusal;
  return std::nullopt;
}

rest::Or<Json> contact_store(const Context& context, Json& storage, bool is_wanted) {
  const auto store = store_of(storage, context.workspace(), context.services.secrets);
  if (!store) return refusal_of(store.error());
  const auto listing = list(*store, patience_of_a_request(context));
  if (!listing) return refusal_of(listing.error());
  const auto bytes_max = context.services.settings.fileset_bytes_max;
  auto import = import_json(is_wanted ? ImportState::importing : ImportState::listed, *listing);
  if (const auto bytes = rest::dump(import).size(); bytes > import_bytes_max)
    return rest::detail(400, "The fileset's storage cannot be used: the list of its " + std::to_string(listing->files.size()) + " files takes " +
                                 std::to_string(bytes) + " bytes, and at most " + std::to_string(import_bytes_max) +
                                 " are kept; name a part of it that has fewer files.");
  if (const auto bytes = import.value("bytes", std::int64_t{0}); is_wanted && bytes_max > 0 && bytes > bytes_max)
    return rest::detail(400, "The fileset's storage cannot be used: its files have " + std::to_string(bytes) + " bytes, and a fileset may have " +
                                 std::to_string(bytes_max) + " here.");
  pin(storage, listing->revision);
  return import;
}

}  // namespace luthier::api

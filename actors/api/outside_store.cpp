#include "actors/api/outside_store.hpp"

#include "actors/api/local_directory.hpp"
#include "actors/api/routes.hpp"
#include "actors/api/secret_values.hpp"
#include "events/base/overloaded.hpp"

namespace luthier::api {
namespace {

using rest::Json;

// "name" or "workspace/name"; empty: none is named, and none is needed.
Result<std::string> value_of(const Json& storage, const char* member, const std::string& workspace, SecretValues* secrets) {
  const auto reference = text_or_empty(storage, member);
  if (reference.empty()) return std::string();
  const auto slash = reference.find('/');
  const auto where = slash == reference.npos ? workspace : reference.substr(0, slash);
  const auto name = slash == reference.npos ? reference : reference.substr(slash + 1);
  auto value = secrets ? secrets->value(where, name) : Result<std::string>(Error{ErrorCode::not_found, "", ""});
  if (!value) return Error{ErrorCode::not_found, "the secret " + where + "/" + name + " cannot be read; is it still there?", member};
  return value;
}

Result<Store> hugging_face(const Json& storage, const std::string& workspace, SecretValues* secrets) {
  auto token = value_of(storage, "token_secret", workspace, secrets);
  if (!token) return token.error();
  return Store(hub::Source(hub::HuggingFace{text_or_empty(storage, "endpoint"), text_or_empty(storage, "repo_id"), text_or_empty(storage, "repo_type"),
                                            text_or_empty(storage, "revision"), std::move(*token)}));
}

Result<Store> ngc(const Json& storage, const std::string& workspace, SecretValues* secrets) {
  auto key = value_of(storage, "api_key_secret", workspace, secrets);
  if (!key) return key.error();
  hub::Ngc source;
  source.host = text_or_empty(storage, "host");
  source.org = text_or_empty(storage, "org");
  source.team = text_or_empty(storage, "team");
  source.target = text_or_empty(storage, "target");
  source.target_type = text_or_empty(storage, "target_type");
  source.version = text_or_empty(storage, "version");
  source.api_key = std::move(*key);
  return Store(hub::Source(std::move(source)));
}

Result<Store> s3(const Json& storage, const std::string& workspace, SecretValues* secrets) {
  auto id = value_of(storage, "access_key_id_secret", workspace, secrets);
  if (!id) return id.error();
  auto key = value_of(storage, "secret_access_key_secret", workspace, secrets);
  if (!key) return key.error();
  return Store(hub::Source(hub::S3{text_or_empty(storage, "endpoint_url"), text_or_empty(storage, "region"), text_or_empty(storage, "bucket"),
                                   text_or_empty(storage, "prefix"), std::move(*id), std::move(*key),
                                   text_or_empty(storage, "signature_version")}));
}

}  // namespace

Result<Store> store_of(const Json& storage, const std::string& workspace, SecretValues* secrets) {
  const auto type = text_or_empty(storage, "type");
  if (type == "huggingface") return hugging_face(storage, workspace, secrets);
  if (type == "ngc") return ngc(storage, workspace, secrets);
  if (type == "s3") return s3(storage, workspace, secrets);
  if (type == "local") return Store(LocalDirectory{text_or_empty(storage, "path")});
  return invalid("storage of the type \"" + type + "\" is not known here", "type");
}

hub::Transfer transfer_for(const ApiSettings& settings) {
  hub::Transfer transfer;
  transfer.proxies = settings.proxies;
  return transfer;
}

Result<hub::Listing> list(const Store& store, const hub::Transfer& transfer) {
  return std::visit(overloaded{[&](const hub::Source& source) { return hub::list(source, transfer); },
                               [&](const LocalDirectory& directory) { return list_directory(directory.path, transfer); }},
                    store);
}

Result<std::string> fetch(const Store& store, const hub::Listing& listing, const hub::RemoteFile& file, const std::filesystem::path& to,
                          const hub::Transfer& transfer) {
  return std::visit(overloaded{[&](const hub::Source& source) { return hub::fetch(source, listing, file, to, transfer); },
                               [&](const LocalDirectory& directory) { return copy_file_of(directory.path, file, to, transfer); }},
                    store);
}

Result<std::string> read_range(const Store& store, const hub::Listing& listing, const hub::RemoteFile& file, std::int64_t offset,
                               std::int64_t length, const hub::Transfer& transfer) {
  return std::visit(
      overloaded{[&](const hub::Source& source) { return hub::read_range(source, listing, file, offset, length, transfer); },
                 [&](const LocalDirectory& directory) { return read_range_of(directory.path, file, offset, length); }},
      store);
}

}  // namespace luthier::api

#include "actors/api/fileset_schema.hpp"

#include "actors/api/files.hpp"
#include "actors/api/json_schema_check.hpp"
#include "actors/rest/names.hpp"

namespace luthier::api {
namespace {

using namespace rest;

constexpr std::size_t description_length_max = 255;

// ------------------------------------------------------------------------------------------------------------- storage

rest::Field chunk_size() { return optional("read_chunk_size", integer().above(0), read_chunk_bytes); }
rest::Field secret(std::string_view name) { return optional(name, secret_reference()); }

Schema local_storage() {
  return object({required("type", literal("local")), required("path", text()), chunk_size(),
                 optional("write_buffer_size", integer().above(0), write_buffer_bytes)})
      .named("LocalStorageConfig");
}

Schema hugging_face_storage() {
  return object({required("type", literal("huggingface")), required("repo_id", text().length(1)),
                 optional("repo_type", one_of({"model", "dataset", "space"}), "model"), optional("revision", text().length(1), "main"),
                 optional("original_revision", text()), secret("token_secret"),
                 optional("endpoint", text().described("absent: https://huggingface.co, or the mirror that the server's HF_ENDPOINT names")), chunk_size()})
      .named("HuggingfaceStorageConfig");
}

Schema ngc_storage() {
  return object({required("type", literal("ngc")), required("org", text().length(1)), required("team", text().length(1)),
                 required("target", text().length(1)), optional("target_type", one_of({"resource", "model"}), "resource"), optional("version", text()),
                 optional("original_version", text()), required("api_key_secret", secret_reference()),
                 optional("host", text(), "https://api.ngc.nvidia.com"), chunk_size()})
      .named("NGCStorageConfig");
}

Schema s3_storage() {
  return object({required("type", literal("s3")), required("bucket", text().length(1)), optional("prefix", text(), ""), optional("region", text()),
                 optional("endpoint_url", text()), optional("use_sdk_auth", boolean(), false), secret("access_key_id_secret"),
                 secret("secret_access_key_secret"), optional("signature_version", one_of({"s3v4", "s3"}), "s3v4"), chunk_size()})
      .named("S3StorageConfig");
}

Schema storage_schema() {
  return tagged("type", {{"local", local_storage()}, {"huggingface", hugging_face_storage()}, {"ngc", ngc_storage()}, {"s3", s3_storage()}});
}

// ------------------------------------------------------------------------------------------------------------ metadata

Schema schema_or_key() { return any_of({map_of(any()), text()}); }

// A schema itself, or the name of one that `defs` has.
std::optional<std::string> problem_at(const std::string& place, const Json& value, const Json* defs) {
  if (value.is_string()) {
    const auto key = value.get<std::string>();
    if (defs && defs->is_object() && defs->contains(key)) return std::nullopt;
    return place + " names the schema \"" + key + "\", which schema_defs does not have";
  }
  if (!value.is_object()) return std::nullopt;
  if (const auto problem = problem_of_schema(value)) return place + " is no JSON Schema: " + *problem;
  return std::nullopt;
}

std::optional<std::string> problem_of_dataset(const Json& dataset) {
  const auto* defs = find_member(dataset, "schema_defs");
  if (const auto* schema = find_member(dataset, "schema"))
    if (auto problem = problem_at("schema", *schema, defs)) return problem;
  for (const char* member : {"schema_defs", "schemas_by_path"}) {
    const auto* all = find_member(dataset, member);
    if (!all || !all->is_object()) continue;
    for (const auto& [name, schema] : all->items())
      if (auto problem = problem_at(std::string(member) + "." + name, schema, defs)) return problem;
  }
  return std::nullopt;
}

Schema dataset_schema() {
  return object({maybe("schema", schema_or_key().or_null().described("JSON Schema of all rows, or a key of schema_defs")),
                 maybe("schema_defs", map_of(map_of(any()))), maybe("schemas_by_path", map_of(schema_or_key()))})
      .check(problem_of_dataset)
      .named("DatasetMetadata");
}

Schema model_schema() {
  const auto tool_calling = object({maybe("chat_template", text().or_null()), maybe("tool_call_parser", text().or_null()),
                                    maybe("tool_call_plugin", text().or_null()), maybe("auto_tool_choice", boolean().or_null())})
                                .named("ToolCallingMetadata");
  return object({maybe("tool_calling", tool_calling.or_null())}).named("ModelMetadata");
}

Schema metadata_schema() { return object({optional("dataset", dataset_schema()), optional("model", model_schema())}).named("FilesetMetadata"); }

Schema purpose() { return one_of({"dataset", "generic", "model"}); }
Schema short_description() { return description(description_length_max); }

}  // namespace

Schema create_fileset_schema() {
  return object({required("name", request_name()), optional("description", short_description()), optional("project", project_reference()),
                 optional("storage", storage_schema()), optional("purpose", purpose(), "generic"), optional("metadata", metadata_schema()),
                 optional("custom_fields", map_of(any()), Json::object()), optional("cache", boolean(), false)})
      .named("CreateFileset");
}

Schema update_fileset_schema() {
  return object({maybe("description", short_description().or_null()), maybe("project", project_reference().or_null()), maybe("purpose", purpose().or_null()),
                 maybe("metadata", metadata_schema().or_null()), maybe("custom_fields", map_of(any()).or_null())})
      .named("UpdateFileset");
}

Schema fileset_schema() {
  return object({required("id", text()), required("name", text()), required("workspace", text()), required("description", text()),
                 required("purpose", purpose()), required("storage", storage_schema()), required("metadata", metadata_schema()),
                 required("custom_fields", map_of(any())), required("project", text()), required("created_at", timestamp()),
                 required("updated_at", timestamp())})
      .named("Fileset");
}

}  // namespace luthier::api

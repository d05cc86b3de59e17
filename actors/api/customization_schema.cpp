#include "actors/api/customization_schema.hpp"

#include "actors/api/customization_schema_parts.hpp"
#include "actors/rest/names.hpp"

namespace luthier::api {

using namespace rest;

const char* name_of(Backend backend) {
  switch (backend) {
    case Backend::classic: return "classic";
    case Backend::automodel: return "automodel";
    case Backend::unsloth: return "unsloth";
  }
  return "";
}

const char* name_stem(Backend backend) { return backend == Backend::classic ? "customization" : name_of(backend); }

const char* training_step(Backend backend) { return backend == Backend::classic ? "customization-training-job" : "training"; }

Schema spec_schema(Backend backend) {
  switch (backend) {
    case Backend::classic: return classic_spec();
    case Backend::automodel: return automodel_spec();
    case Backend::unsloth: return unsloth_spec();
  }
  return any();
}

Schema job_request_schema(Backend backend) {
  const char* others = backend == Backend::automodel ? "AutomodelJobRequest" : "UnslothJobRequest";
  const char* name = backend == Backend::classic ? "CustomizationJobRequest" : others;
  return object({optional("name", request_name()), optional("description", text()), optional("project", project_reference()),
                 required("spec", spec_schema(backend)), optional("ownership", map_of(any())), optional("custom_fields", map_of(any()))})
      .named(name);
}

Schema job_schema() {
  return object({required("id", text()), required("name", text()), optional("description", text()), optional("project", text()),
                 required("workspace", text()), required("created_at", timestamp()), required("updated_at", timestamp()),
                 required("spec", map_of(any())), required("status", text()), optional("status_details", map_of(any())),
                 optional("error_details", map_of(any())), optional("ownership", map_of(any())), optional("custom_fields", map_of(any()))})
      .named("CustomizationJob");
}

}  // namespace luthier::api

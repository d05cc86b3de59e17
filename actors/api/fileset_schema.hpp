// The bodies of filesets.
#pragma once

#include "actors/rest/schema.hpp"

namespace luthier::api {

rest::Schema create_fileset_schema();
rest::Schema update_fileset_schema();
rest::Schema fileset_schema();  // of answers

}  // namespace luthier::api

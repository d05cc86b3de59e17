// A file on its way in: streamed into a blob, digested as it comes, and put into its fileset once it is whole and on disk. Until then
// the old content stays.
#pragma once

#include "actors/api/partial_uploads.hpp"
#include "actors/api/routes.hpp"

namespace luthier::api {

void receive_file(Context& context, PartialUploads& partial);

}  // namespace luthier::api

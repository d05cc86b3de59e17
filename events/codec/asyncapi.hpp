// The NATS contract as an AsyncAPI 3.0 document: every subject, header and schema, made from the declarations.
#pragma once

#include <string>

namespace luthier::events {

std::string asyncapi_document();

}  // namespace luthier::events

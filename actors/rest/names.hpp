// Names, references and ids of the contract: ready-made schemas, and how ids are spelled.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "actors/rest/schema.hpp"

namespace luthier::rest {

inline constexpr std::string_view entity_name_pattern = R"(^[a-z](?!.*--)[a-z0-9\-@.+_]{1,62}(?<!-)$)";

bool is_entity_name(std::string_view text);
bool is_model_reference(std::string_view text);  // "name" or "workspace/name", at most 127 bytes

Schema entity_name();        // 2 to 63 characters, lower case
Schema request_name();       // looser: ^[\w\-.]+$, at most 255; the store then refuses what is no entity name
Schema project_reference();  // ^[\w\-./]+$, at most 255
Schema secret_reference();   // "name" or "workspace/name"
Schema model_reference();
Schema description(std::size_t length_max = 1000);

// "fileset-5Q2LoF8z8M9JZxZsHwJKNn", from 16 random bytes; '_' in the prefix becomes '-'.
std::string entity_id(std::string_view prefix, const std::array<std::uint8_t, 16>& random);
// Five lower-case letters and digits from random bits.
std::string suffix5(std::uint64_t random);
std::string generated_name(std::string_view type, std::uint64_t random);  // "customization-config-a1b2c"

}  // namespace luthier::rest

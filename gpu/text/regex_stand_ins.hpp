// PCRE2's tables are of Unicode 14, Oniguruma's of Unicode 16. A pattern that asks for a character's kind sees, in the place of a newer
// character, an older one of the same kind and length.
#pragma once

#include <string>
#include <string_view>

namespace luthier::text {

// False: `valid` has no newer character, and `changed` is as it was.
bool put_stand_ins(std::string_view valid, std::string& changed);

}  // namespace luthier::text

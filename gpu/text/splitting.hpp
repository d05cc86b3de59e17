// How the parts of a text that match a pattern, and those between them, become pieces.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"
#include "gpu/text/pre_tokenizer.hpp"
#include "gpu/text/regex.hpp"

namespace luthier::text {

enum class Behaviour { removed, isolated, merged_with_previous, merged_with_next, contiguous };
std::optional<Behaviour> behaviour_named(std::string_view name);

struct Part {
  std::size_t begin, end;
  bool matches;
};

// The parts of a text, in order and without a gap.
Result<void> find_parts(const Regex& pattern, std::string_view text, std::vector<Part>& parts);
// Each character for which `is_match` holds is a part of its own.
void find_characters(bool (*is_match)(char32_t), std::string_view text, std::vector<Part>& parts);

using FindParts = std::function<Result<void>(std::string_view, std::vector<Part>&)>;
Result<void> split(Pieces& pieces, Behaviour behaviour, const FindParts& find);

}  // namespace luthier::text

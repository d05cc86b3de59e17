// Some embedding models were trained with a few words before a question and others before what might answer it.
#pragma once

#include <string>
#include <string_view>

#include "events/base/result.hpp"
#include "gpu/checkpoint/decoder.hpp"

namespace luthier::serve {

enum class TextKind { plain, query, passage };

Result<TextKind> text_kind(std::string_view name);  // "query", "passage", or nothing
const std::string& prefix_of(const checkpoint::Decoder& decoder, TextKind kind);

}  // namespace luthier::serve

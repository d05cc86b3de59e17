#include "gpu/serve/text_kind.hpp"

namespace luthier::serve {

Result<TextKind> text_kind(std::string_view name) {
  if (name.empty()) return TextKind::plain;
  if (name == "query") return TextKind::query;
  if (name == "passage") return TextKind::passage;
  return invalid("must be \"query\" or \"passage\"", "input_type");
}

const std::string& prefix_of(const checkpoint::Decoder& decoder, TextKind kind) {
  static const std::string none;
  switch (kind) {
    case TextKind::plain: break;
    case TextKind::query: return decoder.query_prefix;
    case TextKind::passage: return decoder.passage_prefix;
  }
  return none;
}

}  // namespace luthier::serve

#include "gpu/text/aligned.hpp"

#include "gpu/text/utf8.hpp"

namespace luthier::text {

Aligned aligned(std::string_view text, std::size_t offset, bool tracked) {
  Aligned result{std::string(text), {}};
  if (!tracked) return result;
  result.source.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto bytes = code_point_at(text, at).bytes;
    const auto begin = static_cast<std::uint32_t>(offset + at), end = static_cast<std::uint32_t>(offset + at + bytes);
    result.source.insert(result.source.end(), bytes, SourceRange{begin, end});
    at += bytes;
  }
  return result;
}

SourceRange source_of(const Aligned& aligned, std::size_t begin, std::size_t end) {
  const auto& source = aligned.source;
  if (source.empty()) return {};
  if (begin < end) return {source[begin].begin, source[end - 1].end};
  const auto place = begin < source.size() ? source[begin].begin : source.back().end;
  return {place, place};
}

void Rewriter::keep(std::size_t begin, std::size_t end) {
  to_.text.append(from_.text, begin, end - begin);
  if (!from_.tracked()) return;
  const auto at = [&](std::size_t i) { return from_.source.begin() + static_cast<std::ptrdiff_t>(i); };
  to_.source.insert(to_.source.end(), at(begin), at(end));
}

void Rewriter::put(std::string_view text, std::size_t begin, std::size_t end) {
  to_.text += text;
  if (from_.tracked()) to_.source.insert(to_.source.end(), text.size(), source_of(from_, begin, end));
}

}  // namespace luthier::text

// Text on its way through normalisers and pre-tokenizers, together with where each of its bytes came from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace luthier::text {

// Bytes of the text that the caller gave.
struct SourceRange {
  std::uint32_t begin = 0, end = 0;
};

struct Aligned {
  std::string text;
  std::vector<SourceRange> source;  // one for each byte of `text`; empty when nobody asked for it

  bool tracked() const { return !source.empty(); }
};

// `text` as it stands in the source, from `offset` on. A character's bytes all come from the whole character.
Aligned aligned(std::string_view text, std::size_t offset, bool tracked);

// The source of a part of the text; for an empty part, of the place.
SourceRange source_of(const Aligned& aligned, std::size_t begin, std::size_t end);

// Writes a changed copy of a text from left to right.
class Rewriter {
 public:
  explicit Rewriter(const Aligned& from) : from_(from) { to_.text.reserve(from.text.size() + from.text.size() / 4); }

  void keep(std::size_t begin, std::size_t end);
  void put(std::string_view text, std::size_t begin, std::size_t end);  // in the place of [begin, end)
  std::size_t size() const { return to_.text.size(); }
  Aligned take() { return std::move(to_); }

 private:
  const Aligned& from_;
  Aligned to_;
};

}  // namespace luthier::text

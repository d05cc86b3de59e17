// As much of XML as S3 answers with: elements and text. No attribute is kept, and there is no DTD, so no entity of somebody's making.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "events/base/result.hpp"

namespace luthier::hub {

struct Element {
  std::string name;  // without a namespace's prefix
  std::string text;
  std::vector<Element> children;

  const Element* find(std::string_view child) const;      // the first; null: none
  std::string text_of(std::string_view child) const;      // empty: none
};

// The root. invalid: it is no such XML, nested deeper than 16, or of more than 100,000 elements.
Result<Element> parse_xml(std::string_view text);

}  // namespace luthier::hub

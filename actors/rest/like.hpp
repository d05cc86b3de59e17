// The operator $like: contains, without regard to the case of ASCII letters; '%' stands for any text, '_' for one character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace luthier::rest {

class Like {
 public:
  explicit Like(std::string_view pattern);
  bool found_in(std::string_view text) const;

 private:
  std::vector<std::string> pieces_;  // in lower case, what stands between the '%'
};

}  // namespace luthier::rest

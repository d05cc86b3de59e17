// The one file of a multipart/form-data body (RFC 7578), in pieces as it arrives: only what may be the beginning of a boundary is held
// back. Fields that are no files are passed over; a second file is refused.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "events/base/result.hpp"

namespace luthier::api {

// Of the header Content-Type. Nothing: this is no such form. An empty one cannot be: it has no boundary, or a wrong one.
std::optional<std::string> form_boundary(std::string_view content_type);

class FormFile {
 public:
  using Read = std::function<Result<std::size_t>(char* to, std::size_t size)>;  // of the body; 0: its end
  FormFile(const std::string& boundary, Read read);

  // 0: the file has ended, and the form was whole. invalid: this is no form with one file.
  Result<std::size_t> read(char* to, std::size_t size);

 private:
  enum class Place { before, inside, after };
  Result<void> fill();
  Result<bool> next_part();  // true: a file; false: the end of the form
  Result<void> skip_content();
  std::string_view held() const { return std::string_view(buffer_).substr(begin_); }

  const std::string delimiter_;  // "\r\n--boundary"
  const Read read_;
  std::string buffer_ = "\r\n";  // the first boundary needs no line end before it
  std::size_t begin_ = 0;        // of what is not used yet
  Place place_ = Place::before;
};

}  // namespace luthier::api

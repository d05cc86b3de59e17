#include "actors/api/multipart.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

namespace luthier::api {
namespace {

// Reads the file of a body that arrives in pieces of `piece` bytes.
Result<std::string> file_in(std::string body, std::size_t piece, std::size_t room = 1000) {
  FormFile form("XX", [&](char* to, std::size_t size) -> Result<std::size_t> {
    const auto count = std::min({piece, size, body.size()});
    std::memcpy(to, body.data(), count);
    body.erase(0, count);
    return count;
  });
  std::string file, buffer(room, '\0');
  while (true) {
    const auto got = form.read(buffer.data(), buffer.size());
    if (!got) return got.error();
    if (*got == 0) return file;
    file.append(buffer, 0, *got);
  }
}

std::string part(const std::string& disposition, const std::string& content) {
  return "--XX\r\nContent-Disposition: form-data; " + disposition + "\r\nContent-Type: application/octet-stream\r\n\r\n" + content + "\r\n";
}
const std::string last = "--XX--\r\n";

}  // namespace

TEST_CASE("the boundary is found in the content type") {
  CHECK(form_boundary("multipart/form-data; boundary=abc") == "abc");
  CHECK(form_boundary("Multipart/Form-Data; charset=x; Boundary=\"a b\"; more=1") == "a b");
  CHECK_FALSE(form_boundary("application/octet-stream; boundary=abc"));
  CHECK(form_boundary("multipart/form-data")->empty());
  CHECK(form_boundary("multipart/form-data; boundary=" + std::string(71, 'a'))->empty());
}

TEST_CASE("the file of a form comes whole, however the form arrives") {
  std::string content = "line\r\n--X\r\n--XY not it \r\r\n-";
  for (int i = 0; i < 3000; ++i) content += static_cast<char>(i * 7);
  const auto body = part("name=\"note\"", "a field") + part("name=\"empty\"", "") + part("name=\"file\"; filename=\"a.bin\"", content) + last;
  for (const std::size_t piece : {1u, 2u, 7u, 64u, 4096u, 100000u})
    for (const std::size_t room : {1u, 13u, 100000u}) {
      INFO(piece << " " << room);
      const auto file = file_in(body, piece, room);
      REQUIRE(file);
      CHECK(*file == content);
    }
}

TEST_CASE("an empty file is a file, and what is before the first boundary is nothing") {
  CHECK(*file_in("preamble\r\n" + part("name=\"f\"; filename=\"a\"", "") + last, 3) == "");
  CHECK(*file_in(part("name=\"f\"; filename=\"a\"", "x") + part("name=\"after\"", "field") + last + "epilogue", 3) == "x");
}

TEST_CASE("a form that is cut off, without a file or with two is refused") {
  const auto one = part("name=\"f\"; filename=\"a\"", "content");
  CHECK(file_in(one, 5).error().code == ErrorCode::invalid);
  CHECK(file_in("--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nhalf", 5).error().code == ErrorCode::invalid);
  CHECK(file_in("", 5).error().code == ErrorCode::invalid);
  CHECK(file_in(part("name=\"note\"", "text") + last, 5).error().message.find("no file") != std::string::npos);
  CHECK(file_in(one + one + last, 5).error().message.find("more than one") != std::string::npos);
  CHECK(file_in("--XX\r\n" + std::string(40000, 'a'), 1000).error().message.find("16 KiB") != std::string::npos);
}

TEST_CASE("whatever bytes a form has, it is read to an end") {
  std::mt19937 random(7);
  const std::string_view bits[] = {"--XX", "\r\n", "--", "\r", "-", "X", "Content-Disposition: form-data; filename=\"a\"", "abc", "\r\n\r\n", "--XX--"};
  for (int story = 0; story < 5000; ++story) {
    std::string body;
    for (auto parts = random() % 20; parts > 0; --parts) body += bits[random() % std::size(bits)];
    const auto file = file_in(body, 1 + random() % 9, 1 + random() % 9);
    if (file) CHECK(body.find(*file) != std::string::npos);
  }
}

}  // namespace luthier::api

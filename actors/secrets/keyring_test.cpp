#include "actors/secrets/keyring.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "events/base/file.hpp"
#include "events/base/temporary_directory.hpp"

namespace luthier::secrets {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct Place {
  TemporaryDirectory directory = std::move(*TemporaryDirectory::make(fs::temp_directory_path() / "luthier-keyring-test"));
  Keyring open() const {
    auto keyring = Keyring::open(directory.path());
    REQUIRE(keyring);
    return std::move(*keyring);
  }
  std::size_t keys() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory.path() / "secrets"), fs::directory_iterator()));
  }
};

}  // namespace

TEST_CASE("a value goes through a box, is sealed, and opens for its owner alone, also after a restart") {
  Place place;
  events::SealedValue sealed;
  {
    auto keyring = place.open();
    const auto value = keyring.open_box(keyring.box("hf_token"));
    REQUIRE(value);
    CHECK(*value == "hf_token");
    sealed = *keyring.seal(*value, "default/HF");
    CHECK(sealed.cipher.find("hf_token") == std::string::npos);
  }
  const auto keyring = place.open();
  CHECK(*keyring.open_value(sealed, "default/HF") == "hf_token");
  CHECK(keyring.open_value(sealed, "other/HF").error().code == ErrorCode::corrupt);
  auto changed = sealed;
  changed.cipher[10] = changed.cipher[10] == 'A' ? 'B' : 'A';
  CHECK(keyring.open_value(changed, "default/HF").error().code == ErrorCode::corrupt);
}

TEST_CASE("a box that is empty, damaged or another server's is refused") {
  Place here, there;
  const auto keyring = here.open();
  CHECK(keyring.open_box(keyring.box("")).error().field == "data.box");
  CHECK_FALSE(keyring.open_box("no base64!"));
  CHECK_FALSE(keyring.open_box("QUJD"));
  CHECK_FALSE(keyring.open_box(there.open().box("value")));
  CHECK(keyring.open_box(std::string(200'000, 'A')).error().code == ErrorCode::limit);
}

TEST_CASE("once its key is destroyed a value is gone, and keys just made are spared") {
  Place place;
  auto keyring = place.open();
  const auto kept = *keyring.seal("one", "default/a"), gone = *keyring.seal("two", "default/b");
  CHECK(*keyring.destroy_all_but({kept.key_id}, 3600s) == 0);
  CHECK(*keyring.destroy_all_but({kept.key_id}, -1s) == 1);
  CHECK(*keyring.open_value(kept, "default/a") == "one");
  CHECK(keyring.open_value(gone, "default/b").error().code == ErrorCode::not_found);
}

TEST_CASE("a rotation re-encrypts every key, forgets the old master key and keeps every value") {
  Place place;
  auto keyring = place.open();
  const auto sealed = *keyring.seal("one", "default/a");
  const auto before = *read_text(place.directory.path() / "master.key", 4096);
  CHECK(*keyring.rotate() == 1);
  const auto after = *read_text(place.directory.path() / "master.key", 4096);
  CHECK(after != before);
  CHECK(after.size() == before.size());
  CHECK(*place.open().open_value(sealed, "default/a") == "one");
  CHECK(*keyring.rotate() == 1);
  CHECK(*keyring.open_value(sealed, "default/a") == "one");
}

TEST_CASE("key files are for their owner alone, and a damaged one is named") {
  Place place;
  { (void)place.open(); }
  const auto file = place.directory.path() / "master.key";
  CHECK((fs::status(file).permissions() & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
  REQUIRE(write_file_durably(file, std::string_view("nonsense"), 0600));
  const auto opened = Keyring::open(place.directory.path());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message.find("master.key") != std::string::npos);
}

TEST_CASE("a file name that is no key id never leaves the directory of keys") {
  Place place;
  const auto keyring = place.open();
  CHECK(keyring.open_value({"../master.key", "QUJD"}, "a/b").error().code == ErrorCode::corrupt);
  CHECK(place.keys() == 0);
}

}  // namespace luthier::secrets

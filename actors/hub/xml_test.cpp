#include "actors/hub/xml.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace luthier::hub;

namespace {

const std::string listing =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a > comment -->\n"
    "<s3:ListBucketResult xmlns:s3=\"http://s3.amazonaws.com/doc/2006-03-01/\" note='a>b'>\n"
    "  <IsTruncated>false</IsTruncated><Prefix/>\n"
    "  <Contents><Key>a&amp;b &#233;&#x1F600; &lt;</Key><ETag>&quot;abc&quot;</ETag></Contents><Contents ><Key>c<!-- - --></Key></Contents "
    ">\n"
    "</s3:ListBucketResult>\n";

}  // namespace

TEST_CASE("elements and text are read, without prefixes, attributes and comments") {
  const auto root = parse_xml(listing);
  REQUIRE(root);
  CHECK(root->name == "ListBucketResult");
  CHECK(root->text_of("IsTruncated") == "false");
  CHECK(root->find("Prefix"));
  CHECK(root->text_of("Prefix").empty());
  REQUIRE(root->children.size() == 4);
  CHECK(root->children[2].text_of("Key") == "a&b \xc3\xa9\xf0\x9f\x98\x80 <");
  CHECK(root->children[2].text_of("ETag") == "\"abc\"");
  CHECK(root->children[3].text_of("Key") == "c");
}

TEST_CASE("what is not well formed, and whatever needs a DTD, is refused") {
  std::string deep, wide = "<a>";
  for (int i = 0; i < 20; ++i) deep += "<a>";
  for (int i = 0; i < 20; ++i) deep += "</a>";
  for (int i = 0; i < 100'001; ++i) wide += "<b/>";
  for (const std::string& text : {std::string(), std::string("text"), std::string("<a>"), std::string("<a></b>"), std::string("<a/><b/>"),
                                  std::string("<a>&x;</a>"), std::string("<a>&#0;</a>"), std::string("<a>&#xd800;</a>"),
                                  std::string("<a>& </a>"), std::string("<a b=\"></a>"), std::string("<a <b/></a>"), std::string("< a/>"),
                                  std::string("<?xml"), std::string("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"),
                                  std::string("<a><![CDATA[x]]></a>"), deep, wide + "</a>"})
    CHECK_FALSE(parse_xml(text));
}

TEST_CASE("random changes of XML never do worse than be refused") {
  std::minstd_rand random(11);
  for (int i = 0; i < 20'000; ++i) {
    auto text = listing;
    for (int change = 0; change < 4; ++change) {
      const auto at = random() % text.size();
      if (random() % 3 == 0) text.erase(at, 1 + random() % 30);
      else if (random() % 2 == 0) text.insert(at, text.substr(random() % text.size(), random() % 30));
      else text[at] = "<>&;/'\"!- "[random() % 10];
      if (text.empty()) break;
    }
    (void)parse_xml(text);
  }
}

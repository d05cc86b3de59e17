// The web page: at / for browsers, its parts under /page/. Everybody may have it; what it shows, it asks for like any client.
#include "actors/api/services.hpp"
#include "actors/page/page.hpp"

namespace luthier::api {
namespace {

using namespace rest;

// Nothing from elsewhere, no script in the page itself, no HTML made of text by scripts, and no frame around it.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

// A browser names text/html first of all when somebody types an address; programs take anything.
bool wants_page(const gateway::RequestHead& request) {
  const auto* accept = request.headers.find("Accept");
  return accept && accept->find("text/html") != accept->npos;
}

bool has_it(const gateway::RequestHead& request, const std::string& etag) {
  const auto* known = request.headers.find("If-None-Match");
  return known && (known->find(etag) != known->npos || *known == "*");
}

Answer resource_answer(const Context& context, const page::Resource& resource) {
  const std::string etag(resource.etag);
  Answer answer;
  answer.headers = {{"ETag", etag},
                    {"Cache-Control", "no-cache"},  // kept, and asked about each time
                    {"Vary", "Accept"},
                    {"Content-Security-Policy", policy},
                    {"X-Content-Type-Options", "nosniff"},
                    {"Referrer-Policy", "no-referrer"},
                    {"Cross-Origin-Opener-Policy", "same-origin"},
                    {"Cross-Origin-Resource-Policy", "same-origin"}};
  answer.content_type = resource.content_type;
  if (has_it(context.exchange.request, etag)) {
    answer.status = 304;
    answer.content_type.clear();
  } else {
    answer.body = resource.content;
  }
  return answer;
}

Answer show_root(Context& context) {
  if (wants_page(context.exchange.request))
    if (const auto* page = page::find("index.html")) return resource_answer(context, *page);
  Answer answer;
  answer.body = "OK";
  answer.content_type = "text/plain; charset=utf-8";
  answer.headers = {{"Vary", "Accept"}};
  return answer;
}

Answer show_part(Context& context) {
  const auto* resource = page::find(context.path["tail"]);
  return resource ? resource_answer(context, *resource) : detail(404, "the page has no part " + context.path["tail"].substr(0, 200));
}

}  // namespace

void add_page(Routes& routes, Services&) {
  using enum WorkspaceRule;
  routes.add({.method = "GET", .path = "/", .summary = "The web page for browsers, OK for others", .tag = "page", .answer = text(), .answer_type = "text/html", .is_public = true,
              .others = {{200, text(), "text/plain"}, {304}}}, none,
             show_root);
  routes.add({.method = "GET", .path = "/page/{tail}", .summary = "A part of the web page", .tag = "page", .answer = text(), .errors = {404}, .answer_type = "text/javascript",
              .is_public = true, .others = {{200, text(), "text/css"}, {200, text(), "text/html"}, {304}}}, none, show_part);
}

}  // namespace luthier::api

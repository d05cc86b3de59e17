// libmicrohttpd: its epoll with a pool of two threads, or (with "threads") a thread for each connection.
#include <arpa/inet.h>
#include <microhttpd.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "tests/bench/http_trial/answer.hpp"

namespace {

MHD_Result answer(void*, MHD_Connection* connection, const char*, const char*, const char*, const char*, size_t*, void**) {
  const auto& text = trial_answer();
  auto* response = MHD_create_response_from_buffer(text.size(), const_cast<char*>(text.data()), MHD_RESPMEM_PERSISTENT);
  MHD_add_response_header(response, "Content-Type", "application/json");
  const auto result = MHD_queue_response(connection, 200, response);
  MHD_destroy_response(response);
  return result;
}

}  // namespace

int main(int count, char** arguments) {
  const bool has_threads = count > 1 && std::string_view(arguments[1]) == "threads";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* daemon = has_threads ? MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, nullptr, nullptr, answer,
                                                nullptr, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_END)
                             : MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, answer, nullptr, MHD_OPTION_SOCK_ADDR, &address,
                                                MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_CONNECTION_LIMIT, 4096u, MHD_OPTION_END);
  if (!daemon) return 1;
  std::printf("%d\n", int{MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port});
  std::fflush(stdout);
  ::pause();
}

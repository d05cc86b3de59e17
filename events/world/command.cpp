#include "events/world/command.hpp"

namespace luthier::events {

template <class Variant> Compiled<Variant>::Compiled() = default;
template <class Variant> Compiled<Variant>::Compiled(const Compiled&) = default;
template <class Variant> Compiled<Variant>::Compiled(Compiled&&) noexcept = default;
template <class Variant> Compiled<Variant>& Compiled<Variant>::operator=(const Compiled&) = default;
template <class Variant> Compiled<Variant>& Compiled<Variant>::operator=(Compiled&&) noexcept = default;
template <class Variant> Compiled<Variant>::~Compiled() = default;
template struct Compiled<AnyCommand>;
template struct Compiled<AnyEvent>;

}  // namespace luthier::events

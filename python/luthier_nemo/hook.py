"""The import hook: what a plug-in of the client cannot do by its entry point.

The file luthier_nemo.pth beside this package lets Python call install() at each start. That puts two finders on
sys.meta_path and imports nothing:

- when `nemo_platform.resources.models.models` is imported, its two classes get the methods of adapters.py,
  unless the client has methods of those names itself;
- `nemo_platform.types.customization` is luthier_nemo.types, unless the client has a module of that name itself.

To be without it: LUTHIER_NEMO_NO_HOOK=1 in the environment, or `python -m luthier_nemo remove-hook` for good.
Without it the same is there by hand: `from luthier_nemo import hook; hook.install()`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing has it too, and importing that would cost each start of Python some milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

MODELS = "nemo_platform.resources.models.models"
TYPES = "nemo_platform.types.customization"


class _ModelsFinder:
    """Stands first: finds the client's own module as the finders after it would, and adds to it once it is loaded."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != MODELS:
            return None
        for finder in sys.meta_path:
            if isinstance(finder, _ModelsFinder):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _after_loading(spec, _add_to_models)
                return spec
        return None


class _TypesFinder:
    """Stands last: is asked only when nobody else knows the module."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != TYPES:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, _TypesLoader())  # type: ignore[arg-type]  # a loader by its methods, as importlib's own


class _TypesLoader:
    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None  # an ordinary empty module

    def exec_module(self, module: ModuleType) -> None:
        from . import types

        module.__doc__ = types.__doc__
        setattr(module, "__all__", list(types.__all__))
        for name in types.__all__:
            setattr(module, name, getattr(types, name))
        setattr(module, "__getattr__", types.__getattr__)


def _after_loading(spec: ModuleSpec, then: Callable[[ModuleType], None]) -> None:
    loader = spec.loader
    load = getattr(loader, "exec_module", None)
    if load is None:
        return

    def exec_module(module: ModuleType) -> None:
        load(module)
        then(module)

    setattr(loader, "exec_module", exec_module)  # this loader is of this module alone


def _add_to_models(module: ModuleType) -> None:
    from .adapters import add_methods

    add_methods(module)


def install() -> None:
    """Installs the hook in this process. A second call changes nothing; a module that is loaded already gets its methods now."""
    if any(isinstance(finder, _ModelsFinder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _ModelsFinder())
    sys.meta_path.append(_TypesFinder())
    if MODELS in sys.modules:
        _add_to_models(sys.modules[MODELS])


def uninstall() -> None:
    """Takes the finders away again. Methods that a loaded module has got stay until the process ends."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, (_ModelsFinder, _TypesFinder))]


def is_installed() -> bool:
    return any(isinstance(finder, _ModelsFinder) for finder in sys.meta_path)

"""Everything is in pyproject.toml but one thing that setuptools cannot be told there: a file beside the packages."""

from setuptools import setup
from setuptools.command.build_py import build_py

HOOK = "luthier_nemo.pth"  # Python runs its one line at each start, when it lies in site-packages


class BuildWithHook(build_py):
    def run(self):
        super().run()
        self.copy_file(HOOK, self.build_lib)

    def get_outputs(self, include_bytecode=1):
        return [*super().get_outputs(include_bytecode), f"{self.build_lib}/{HOOK}"]


setup(cmdclass={"build_py": BuildWithHook})

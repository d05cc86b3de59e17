"""A guide: a Markdown file whose code runs, each answer below its code.

    ```python run            runs in this process; all Python of a guide shares its names. The value of a last expression is shown
    ```python run raises     must end with an exception, which is shown
    ```sh run                runs in bash
    <!-- run … -->           a shell script that readers do not see: what the code below it needs
    <!-- table FILE -->      until <!-- end of table -->: what that Python file prints, as it is

The block ```text that follows at once is the answer; there is none where there was nothing to show.
"""

import ast
import contextlib
import difflib
import io
import pathlib
import re
import subprocess

from guide.answers import same, show

RUNS = re.compile(
    r"^```(?P<language>python|sh) run(?P<raises> raises)?\n(?P<code>.*?)^```\n(?:\n```text\n(?P<answer>.*?)^```\n)?"
    r"|^<!-- run\n(?P<hidden>.*?)^-->\n"
    r"|^<!-- table (?P<table>[\w./-]+) -->\n(?P<rows>.*?)^<!-- end of table -->\n",
    re.MULTILINE | re.DOTALL,
)


class Failed(Exception):
    """Code of a guide did not do what the guide says."""


class Guide:
    def __init__(self, path, environment, place):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text(encoding="utf-8")
        self.environment = environment
        self.place = place
        self.names = {"__name__": "guide"}

    def renewed(self):
        """The guide with the answers of now. An answer that is the same as before keeps its digits."""
        return RUNS.sub(self._run, self.text)

    def _run(self, found):
        line = self.text.count("\n", 0, found.start()) + 2
        where = f"{self.path.name}:{line}"
        if found["hidden"] is not None:
            self._shell(found["hidden"], where)
            return found[0]
        if found["table"]:
            script = pathlib.Path(__file__).parent / found["table"]
            rows = self._python(script.read_text(encoding="utf-8"), script.name, 1)[0]
            return f"<!-- table {found['table']} -->\n{found['rows'] if same(found['rows'], rows) else rows}<!-- end of table -->\n"
        if found["language"] == "sh":
            answer = show(self._shell(found["code"], where), self.place)
        else:
            printed, value = self._python(found["code"], where, line, raises=bool(found["raises"]))
            parts = [show(printed, self.place)] if printed else []
            parts += [show(value, self.place)] if value is not None else []
            answer = "\n".join(parts)
        code = found[0][: found[0].index("\n```\n") + 5] if "\n```\n" in found[0] else found[0]
        if not answer:
            return code
        if found["answer"] and same(found["answer"].rstrip("\n"), answer):
            answer = found["answer"].rstrip("\n")
        return f"{code}\n```text\n{answer}\n```\n"

    def _shell(self, code, where):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], env=self.environment, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise Failed(f"{where}: the shell ended with {done.returncode}\n{code}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _python(self, code, where, line, raises=False):
        tree = ast.parse("\n" * (line - 1) + code, filename=where)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        printed, value = io.StringIO(), None
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(tree, where, "exec"), self.names)
                if last:
                    value = eval(compile(ast.Expression(last.value), where, "eval"), self.names)
        except Exception as error:
            if not raises:
                raise Failed(f"{where}: {type(error).__name__}: {error}\n{code}{printed.getvalue()}") from error
            return printed.getvalue() + f"{type(error).__name__}: {error}", None
        if raises:
            raise Failed(f"{where}: nothing was raised\n{code}{printed.getvalue()}{value!r}")
        return printed.getvalue(), value


def difference(path, before, after):
    """The lines that a guide would have to change."""
    return "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"{path} (committed)", f"{path} (answered now)", n=2))

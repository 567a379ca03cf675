import os
import re
import unittest

README = os.path.join(os.path.dirname(__file__), "..", "README.md")


class Readme(unittest.TestCase):
    def test_every_block_but_the_first_runs(self):
        with open(README, encoding="utf-8") as file:
            blocks = re.findall(r"^```python\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)[1:]
        self.assertEqual(len(blocks), 9)
        ran = []
        for block in blocks:
            with self.subTest(block):
                names = {"__name__": "readme"}
                exec(compile(block, "README.md", "exec"), names)
                for name in [each for each in names if each.startswith("test_")]:
                    names[name]()
                    ran.append(name)
        self.assertEqual(ran, ["test_takes_signed_orders_only"])

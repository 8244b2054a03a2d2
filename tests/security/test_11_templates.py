"""11 · A template computes with the columns of its row and reaches nothing else; data is never a template."""

from __future__ import annotations

import pytest

from destinations.templates import Unfilled, fill

VALUES = {"name": "{{7*7}}", "note": "{% for x in range(9) %}x{% endfor %}", "list": [1, 2], "html": "<b>&"}


@pytest.mark.parametrize("template", [
    "{{ ''.__class__ }}", "{{ name.__class__.__mro__ }}", "{{ name.__init__.__globals__ }}", "{{ self.__init__ }}",
    "{{ ''['__class__'] }}", "{{ name|attr('__class__') }}", "{{ list.append(3) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ range(10000000) }}", "{{ missing }}", "{{ name.missing }}", "{% include 'x' %}", "{% import 'os' as os %}",
    "{{ '%s'.format.__globals__ }}", "{{ '{0.__class__}'.format(name) }}", "{{ joiner.__init__.__globals__.os }}",
])
def test_11_what_reaches_out_of_its_row_is_refused(template: str) -> None:
    with pytest.raises(Unfilled) as refused:
        fill(template, VALUES)
    assert not any(str(value) in str(refused.value) for value in VALUES.values())


def test_11_data_is_never_a_template() -> None:
    assert fill("{{ name }} {{ note }}", VALUES) == f"{VALUES['name']} {VALUES['note']}"
    assert fill("{{ html }}", VALUES, html=True) == "&lt;b&gt;&amp;"

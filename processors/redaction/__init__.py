"""Masks personal data and secrets, wherever in a record they hide.

Everything is looked at that can hold text, with all detectors at once. If anything goes wrong, the data is lost and
counted: what could not be masked is never passed on.

What one request may cost is bounded, so that no sender can stall the collector. In a request with more than about
65,000 candidates for findings, or 130,000 values in maps and arrays that have to be looked at (in one of more than 4
MiB: in proportion more), every text in which something may be found becomes `***` as a whole, and so do maps and
arrays; keys of which there are more than 5,000 new ones that may say that their values are secret are taken to say
so. All of that is counted as the detector `too_many_findings`, and done whatever the detectors' modes are.

The way of a request, one module after another:

- `processor`: fails closed and counts.  `rewriting`: takes all pieces of text out of a request (`places` says where
  they are: names, serialised attributes, bodies), has them judged, and puts back those that change (`few_changes`,
  `pruning`, `summary`).
- `memory`: which pieces were judged before.
- `values`: judges many pieces at once, to a verdict on each (`verdicts`): one search for all that may have something;
  what the keys say (`keys`, `dependence`); then `columns` of attributes that are alike, attributes with a text
  (`pairs`), and whatever is more than that (`messages`, `scalars`).
- `texts`: masks texts, as the `policy` says (`modes`, `config`), until nothing is found.
- `detectors`: what secrets look like (`catalogue`), and the `scanner` that looks for all of them.
"""

from processors.redaction.processor import factory

__all__ = ["factory"]

"""What a law is: a pure function, and beside it its units, boxes, source and constants.

| you want                                   | use                                              |
|--------------------------------------------|--------------------------------------------------|
| to write a law in Python                   | `@law(inputs=..., output=..., params=...)`       |
| a paper's law that is a generic form       | `restated(power, "name", inputs=..., source=...)`|
| to say what a derived quantity minimises   | `@least({"C": lambda N, D: 6.0 * N * D})`        |
| to list a paper that has no law            | `pointer("name", source=..., text=...)`          |
| an input or parameter for each domain      | `each(quantity.SHARE, "domains")`                |
| to write one in a string                   | `formula("E + A/N^alpha")`                       |
| an amplitude, a scale, a floor             | `positive(start=(low, high))`                    |
| an exponent                                | `exponent(start=(low, high))`                    |
| a parameter of either sign                 | `real(start=(low, high), box=(low, high))`       |
| one that is held unless freed              | `fixed(value, positive(...))`                    |
| a value taken from the fitted runs         | `reference("peak_lr")`                           |
| a law by its name                          | `catalogue["chinchilla"]`                        |
| units of inputs and outputs                | `quantity.TOKENS`, `quantity.LOSS`, ...          |

A law is written for one observation, or for one curve; `fitting` batches it.
"""

from jaxlaws.spec import quantity
from jaxlaws.spec._numerics import power
from jaxlaws.spec.catalogue import Catalogue, catalogue, find
from jaxlaws.spec.cite import citation
from jaxlaws.spec.decorator import law
from jaxlaws.spec.derived import Claim, claim_of, equals, least, most
from jaxlaws.spec.formula import formula
from jaxlaws.spec.law import Constants, Evidence, Law
from jaxlaws.spec.param import Param, exponent, fixed, positive, real, reference
from jaxlaws.spec.pointer import Pointer, pointer
from jaxlaws.spec.quantity import Quantity
from jaxlaws.spec.restated import restated
from jaxlaws.spec.sizes import each

__all__ = [
    "Catalogue",
    "Claim",
    "Constants",
    "Evidence",
    "Law",
    "Param",
    "Pointer",
    "Quantity",
    "catalogue",
    "citation",
    "claim_of",
    "each",
    "equals",
    "exponent",
    "find",
    "fixed",
    "formula",
    "law",
    "least",
    "most",
    "pointer",
    "positive",
    "power",
    "quantity",
    "real",
    "reference",
    "restated",
]

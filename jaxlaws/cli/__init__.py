"""The command line: the same house, said in a shell.

| to                                                  | say                                                   |
|-----------------------------------------------------|-------------------------------------------------------|
| find a law, or read its page                        | `jaxlaws laws`, `jaxlaws laws chinchilla`             |
| cite one                                            | `jaxlaws cite chinchilla`                             |
| see which data sets there are, or fetch one         | `jaxlaws data`, `jaxlaws data mpl_curves`             |
| see what the door thinks of a table                 | `jaxlaws check runs.csv --law chinchilla`             |
| fit, and score what was held out                    | `jaxlaws fit runs.csv --law chinchilla --out fit.json`|
| predict with a stored fit                           | `jaxlaws predict fit.json --at N=7e10,D=1.4e12`       |
| fit it again to new rows, and see what has changed  | `jaxlaws refit fit.json new.csv`, `jaxlaws diff a.json b.json` |
| see what its rows hold against it                   | `jaxlaws diagnose fit.json runs.csv --plot runs.svg`  |
| rank laws by what they say of rows not fitted       | `jaxlaws compare runs.csv --laws A,B --rollout N`     |
| fit every run of a large source, and keep the fits  | `jaxlaws bulk runs/ --law lr_annealing --out fits`    |
| show stored fits on one page                        | `jaxlaws report fit.json --out report.html`           |

`--json` prints one JSON document on stdout; progress and notes go to stderr. The exit status is 0 when it is done, 1 when the
fit failed, 2 when input or usage is wrong (one line on stderr says what), 130 when interrupted.
"""

from jaxlaws.cli.app import main

__all__ = ["main"]

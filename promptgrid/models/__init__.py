"""Facts about models: context, longest reply, encoding, price, and the parameters that they accept.

`known` has the data class, which `lookup` fills from `prices` (genai-prices), `tables` (models.toml) and `learned`
(refusals of endpoints). `parameters` decides which parameters are sent.
"""

from promptgrid.models import parameters
from promptgrid.models.addresses import is_loopback, is_openai
from promptgrid.models.known import LongPrice, ModelFacts, ParameterPolicy
from promptgrid.models.lookup import facts, token_parameter
from promptgrid.models.prices import cost_of, cost_shares
from promptgrid.models.tables import spellings

"""From a submission to a stored message: the border of the product."""

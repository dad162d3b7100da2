"""Generate the network of a liquid: asks for its number and size; --help lists all settings."""

from checkout import ROOT

from nalsm.programs.network import generate_network

generate_network(ROOT)

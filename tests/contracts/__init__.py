"""What every implementation of the ports has to do: the same tests run over the in-memory ones and over AWS's."""

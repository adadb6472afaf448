"""The seller's way in: begin, exchange, finish, establish."""

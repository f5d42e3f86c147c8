"""A tenant's data, handed back to it before they are erased: made, checked, signed, received, and gone again."""

"""The mall: products, stock, orders, shipments, withdrawals, recharges online."""

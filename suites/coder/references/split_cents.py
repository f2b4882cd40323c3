def split_cents(total, weights):
    whole = sum(weights)
    if not whole or min(weights) < 0:
        raise ValueError("weights must not be negative, and at least one must be positive")
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % whole))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares

"""The sample merchant 山月茶事 and its stage: three months of business, and the simulated WeChat that it is connected to."""
